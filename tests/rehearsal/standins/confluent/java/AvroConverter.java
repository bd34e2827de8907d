package io.confluent.connect.avro;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.storage.Converter;

/** A stand-in under the name and settings of Confluent's converter; Apicurio's does the work. */
public class AvroConverter implements Converter {
    private static final String URL = "schema.registry.url";

    @SuppressWarnings("rawtypes")
    private final Converter within = new io.apicurio.registry.utils.converter.AvroConverter();

    @Override
    public void configure(Map<String, ?> settings, boolean isKey) {
        Object url = settings.get(URL);
        if (url == null) {
            throw new ConfigException("Missing required configuration \"" + URL + "\"");
        }
        Map<String, Object> translated = new HashMap<>(settings);
        translated.put("apicurio.registry.url", url + "/apis/registry/v2");
        translated.put("apicurio.registry.as-confluent", "true");
        translated.put("apicurio.registry.headers.enabled", "false");
        translated.put("apicurio.registry.auto-register", "true");
        within.configure(translated, isKey);
    }

    @Override
    public byte[] fromConnectData(String topic, Schema schema, Object value) {
        return within.fromConnectData(topic, schema, value);
    }

    @Override
    public byte[] fromConnectData(String topic, Headers headers, Schema schema, Object value) {
        return within.fromConnectData(topic, headers, schema, value);
    }

    @Override
    public SchemaAndValue toConnectData(String topic, byte[] value) {
        return within.toConnectData(topic, value);
    }

    @Override
    public SchemaAndValue toConnectData(String topic, Headers headers, byte[] value) {
        return within.toConnectData(topic, headers, value);
    }

    @Override
    public ConfigDef config() {
        return new ConfigDef();
    }
}
