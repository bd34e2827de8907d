package walflow;

import io.debezium.connector.postgresql.PostgresConnector;
import org.apache.kafka.connect.connector.Task;

/** Debezium's connector for PostgreSQL, with the same settings and records: {@link PromptPostgresTask}. */
public final class PromptPostgresConnector extends PostgresConnector {
  @Override
  public Class<? extends Task> taskClass() {
    return PromptPostgresTask.class;
  }
}
