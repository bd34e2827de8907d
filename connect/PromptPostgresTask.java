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
import org.apache.kafka.clients.producer.RecordMetadata;
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
 *   <li>Debezium reads Connect's offsets to their end after each transaction, and without events after
 *       each poll, to tell PostgreSQL what it may forget. Here it is told four times a second, of the
 *       last batch whose transaction is complete, which nobody has to read: {@code
 *       exactly.once.support=required} stores a batch's offset in that transaction, and only then says
 *       that its records are committed (Connect's ExactlyOnceWorkerSourceTask). Where the task goes on
 *       after its end is said by those offsets, as ever.
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
  private boolean exactlyOnce;
  private SourceRecord lastHandedOver;
  private volatile SourceRecord lastStored;
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
    exactlyOnce = "required".equalsIgnoreCase(config.getString("exactly.once.support"));
    var started = super.start(ofSingleEvents(config));
    queue =
        (GatheringQueue<?>) services.tryGetService(QueueProviderService.class).getQueueProvider();
    return started;
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
      return handedOver(super.doPoll());
    }
    long left = nanosBetweenBatches - (System.nanoTime() - handedOverAt);
    int events = Math.min(queue.await(mostEvents, left), mostEvents);
    handedOverAt = System.nanoTime();
    List<SourceRecord> records = new ArrayList<>(events);
    while (records.size() < events) {
      records.addAll(super.doPoll());
    }
    return handedOver(records);
  }

  private List<SourceRecord> handedOver(List<SourceRecord> records) {
    if (!records.isEmpty()) {
      lastHandedOver = records.get(records.size() - 1);
    }
    return records;
  }

  /** Also of a record that a transform dropped; what came before it is in its transaction or an earlier one. */
  @Override
  public void commitRecord(SourceRecord record, RecordMetadata metadata) {
    if (record == lastHandedOver) {
      lastStored = record;
    }
  }

  @Override
  public void commit() throws InterruptedException {
    long now = System.nanoTime();
    if (now - flushedAt >= NANOS_BETWEEN_FLUSHES) {
      flushedAt = now;
      super.commit();
    }
  }

  @Override
  public void performCommit() {
    if (!exactlyOnce) {
      super.performCommit();
      return;
    }
    SourceRecord stored = lastStored;
    var told = coordinator;
    if (stored != null && told != null) {
      told.commitOffset(stored.sourcePartition(), stored.sourceOffset());
    }
  }
}
