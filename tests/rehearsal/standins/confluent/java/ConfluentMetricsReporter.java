package io.confluent.metrics.reporter;

import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.metrics.KafkaMetric;
import org.apache.kafka.common.metrics.MetricsReporter;

/** A stand-in: checks the settings that Confluent's reporter needs, and reports nothing. */
public class ConfluentMetricsReporter implements MetricsReporter {
    private static final String SERVERS = "confluent.metrics.reporter.bootstrap.servers";

    @Override
    public void configure(Map<String, ?> settings) {
        if (settings.get(SERVERS) == null) {
            throw new ConfigException("Missing required configuration \"" + SERVERS + "\"");
        }
        System.out.println("stand-in for Confluent's metrics reporter, to " + settings.get(SERVERS));
    }

    @Override
    public void init(List<KafkaMetric> metrics) {}

    @Override
    public void metricChange(KafkaMetric metric) {}

    @Override
    public void metricRemoval(KafkaMetric metric) {}

    @Override
    public void close() {}
}
