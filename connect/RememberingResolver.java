package walflow;

import io.apicurio.registry.resolver.DefaultSchemaResolver;
import io.apicurio.registry.resolver.SchemaLookupResult;
import io.apicurio.registry.resolver.SchemaResolverConfig;
import io.apicurio.registry.resolver.data.Record;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericContainer;

/**
 * Finds the id of a record's schema by the schema object, where Apicurio's own resolver writes the
 * schema out as text for every record, to look it up by that: a quarter of all that Connect uses.
 *
 * <p>The converter gives records of one Connect schema the same Avro object (its {@code AvroData} keeps
 * them), so that the object stands for the text. What is not known yet, and what has been known for
 * longer than Apicurio's own cache would keep it, goes the usual way, which registers the schema.
 *
 * <p>A converter belongs to one task, whose thread is the only one that comes here.
 */
public final class RememberingResolver<T> extends DefaultSchemaResolver<Schema, T> {
  /** As many as the converter's own cache of schemas holds. */
  private static final int MOST_KNOWN = 1000;

  private static final long NANOS_KNOWN =
      TimeUnit.MILLISECONDS.toNanos(SchemaResolverConfig.CHECK_PERIOD_MS_DEFAULT);

  private record Known(SchemaLookupResult<Schema> found, long since) {}

  private final Map<Schema, Known> knownBySchema = new IdentityHashMap<>();

  @Override
  public SchemaLookupResult<Schema> resolveSchema(Record<T> data) {
    if (!(data.payload() instanceof GenericContainer container)) {
      return super.resolveSchema(data);
    }
    Schema schema = container.getSchema();
    long now = System.nanoTime();
    Known known = knownBySchema.get(schema);
    if (known == null || now - known.since > NANOS_KNOWN) {
      if (knownBySchema.size() >= MOST_KNOWN) {
        knownBySchema.clear();
      }
      known = new Known(super.resolveSchema(data), now);
      knownBySchema.put(schema, known);
    }
    return known.found;
  }

  @Override
  public void reset() {
    knownBySchema.clear();
    super.reset();
  }
}
