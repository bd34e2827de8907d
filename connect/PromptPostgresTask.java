package walflow;

import io.debezium.config.CommonConnectorConfig;
import io.debezium.config.Configuration;
import io.debezium.connector.base.QueueProviderService;
import io.debezium.connector.common.CdcSourceTaskContext;
import io.debezium.connector.postgresql.PostgresConnectorConfig;
import io.debezium.connector.postgresql.PostgresConnectorTask;
import io.debezium.connector.postgresql.PostgresOffsetContext;
import io.debezium.connector.postgresql.PostgresPartition;
import io.debezium.pipeline.ChangeEventSourceCoordinator;
import io.debezium.service.spi.ServiceRegistry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.source.SourceRecord;

/**
 * Hands a change over as soon as it is there, where Debezium's own task (3.7) lets it wait.
 *
 * <ul>
 *   <li>Debezium gathers for all of {@code poll.interval.ms} before it hands over anything, and spends the
 *       last millisecond of that looking at the clock, holding the lock that its reader needs. Here the
 *       first event ends the wait, unless the batch before was handed over less than {@code
 *       poll.dispatch.interval.ms} ago: a batch is a transaction of Kafka's, which costs as much as dozens
 *       of events.
 *   <li>Debezium reads Connect's offsets to their end, which takes two requests of Kafka, after each
 *       transaction, and without events after each poll, to tell PostgreSQL what it may forget. Here it
 *       does so four times a second; where the task goes on after its end is said by those offsets, as
 *       ever.
 * </ul>
 */
public final class PromptPostgresTask extends PostgresConnectorTask {
  private static final long NANOS_BETWEEN_FLUSHES = TimeUnit.MILLISECONDS.toNanos(250);

  /** After which Debezium's own poll is asked, which throws what its reader failed of. */
  private static final long NANOS_IDLE = TimeUnit.MILLISECONDS.toNanos(100);

  private long flushedAt = System.nanoTime();
  private long handedOverAt = System.nanoTime();
  private long nanosBetweenBatches;
  private int mostEvents;
  private ServiceRegistry services;
  private GatheringQueue<?> queue;

  @Override
  public CdcSourceTaskContext<PostgresConnectorConfig> preStart(Configuration config) {
    return super.preStart(ofSingleEvents(config));
  }

  @Override
  protected void registerServiceProviders(ServiceRegistry registry) {
    services = registry;
    super.registerServiceProviders(registry);
  }

  @Override
  public ChangeEventSourceCoordinator<PostgresPartition, PostgresOffsetContext> start(
      Configuration config) {
    mostEvents = config.getInteger(CommonConnectorConfig.MAX_BATCH_SIZE);
    nanosBetweenBatches =
        TimeUnit.MILLISECONDS.toNanos(config.getLong(CommonConnectorConfig.POLL_DISPATCH_INTERVAL_MS));
    var coordinator = super.start(ofSingleEvents(config));
    queue =
        (GatheringQueue<?>) services.tryGetService(QueueProviderService.class).getQueueProvider();
    return coordinator;
  }

  /** A poll of Debezium's queue ends without a wait only when it has a whole batch, so of one event. */
  private static Configuration ofSingleEvents(Configuration config) {
    return config
        .edit()
        .with(CommonConnectorConfig.MAX_BATCH_SIZE, 1)
        .with(CommonConnectorConfig.POLL_DISPATCH_INTERVAL_MS, 0)
        .with(CommonConnectorConfig.QUEUE_PROVIDER_TYPE, GatheringQueue.NAME)
        .build();
  }

  @Override
  public List<SourceRecord> doPoll() throws InterruptedException {
    if (queue.await(1, NANOS_IDLE) == 0) {
      return super.doPoll();
    }
    long left = nanosBetweenBatches - (System.nanoTime() - handedOverAt);
    int events = Math.min(queue.await(mostEvents, left), mostEvents);
    handedOverAt = System.nanoTime();
    List<SourceRecord> records = new ArrayList<>(events);
    while (records.size() < events) {
      records.addAll(super.doPoll());
    }
    return records;
  }

  @Override
  public void commit() throws InterruptedException {
    long now = System.nanoTime();
    if (now - flushedAt >= NANOS_BETWEEN_FLUSHES) {
      flushedAt = now;
      super.commit();
    }
  }
}
