"""Row by row, column by column: does Cassandra hold what PostgreSQL holds?"""
