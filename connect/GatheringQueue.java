package walflow;

import io.debezium.config.CommonConnectorConfig;
import io.debezium.config.Configuration;
import io.debezium.connector.base.QueueProvider;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.locks.LockSupport;

/**
 * Debezium's queue between the reader of the log and Connect's task, for whose events the task can wait.
 *
 * <p>Events come and go under the lock of Debezium's {@code ChangeEventQueue}; {@link #await} is for one
 * thread, without that lock, so that the reader is never held up by who waits.
 */
public final class GatheringQueue<T> implements QueueProvider<T> {
  public static final String NAME = "walflow";

  private Queue<T> events = new ArrayDeque<>();
  private volatile int size;
  private volatile int awaited;
  private volatile Thread waiting;

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public void configure(Map<String, ?> properties) {
    Configuration config = Configuration.from(properties);
    events = new ArrayDeque<>(config.getInteger(CommonConnectorConfig.MAX_QUEUE_SIZE));
  }

  @Override
  public void enqueue(T event) {
    events.add(event);
    int reached = events.size();
    size = reached;
    Thread thread = waiting;
    if (thread != null && reached == awaited) {
      LockSupport.unpark(thread);
    }
  }

  @Override
  public T poll() {
    T event = events.poll();
    size = events.size();
    return event;
  }

  @Override
  public int size() {
    return size;
  }

  /** Waits until as many events are there, at most so many nanoseconds; how many there are then. */
  public int await(int wanted, long nanos) throws InterruptedException {
    long end = System.nanoTime() + nanos;
    awaited = wanted;
    waiting = Thread.currentThread();
    try {
      while (size < wanted) {
        long left = end - System.nanoTime();
        if (left <= 0) {
          break;
        }
        LockSupport.parkNanos(this, left);
        if (Thread.interrupted()) {
          throw new InterruptedException();
        }
      }
    } finally {
      waiting = null;
    }
    return size;
  }
}
