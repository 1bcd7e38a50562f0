package io.runnel.refresh;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;

/** One session that writes to the tables of {@link ExactnessTest} in transactions of every kind until its time is up. */
final class Writer implements Callable<Integer> {

    private static final Set<String> EXPECTED = Set.of("40001", "40P01", "23505");

    private final DataSource database;
    private final Random random;
    private final long end;
    private final int number;
    private final AtomicInteger transactions = new AtomicInteger();

    Writer(DataSource database, Random random, long end, int number) {
        this.database = database;
        this.random = random;
        this.end = end;
        this.number = number;
    }

    /** How many transactions have been committed or rolled back as intended. */
    int transactions() {
        return transactions.get();
    }

    @Override
    public Integer call() throws Exception {
        while (System.nanoTime() < end) {
            try (Connection connection = database.getConnection()) {
                connection.setAutoCommit(false);
                write(connection);
                connection.rollback();
                connection.setAutoCommit(true);
            } catch (SQLException e) {
                if (!lost(e)) {
                    throw e;
                }
            }
        }
        return transactions.get();
    }

    private void write(Connection connection) throws SQLException {
        while (System.nanoTime() < end) {
            try {
                transaction(connection);
                transactions.incrementAndGet();
            } catch (SQLException e) {
                if (!EXPECTED.contains(e.getSQLState())) {
                    throw e;
                }
                connection.rollback();
            }
        }
    }

    /** The server is away, shuts down, recovers, or has ended this connection; then the writer connects again. */
    private static boolean lost(SQLException e) {
        String state = String.valueOf(e.getSQLState());
        return state.startsWith("08") || state.startsWith("57P");
    }

    private void transaction(Connection connection) throws SQLException {
        connection.setTransactionIsolation(
                random.nextInt(3) == 0
                        ? Connection.TRANSACTION_REPEATABLE_READ
                        : Connection.TRANSACTION_READ_COMMITTED);
        try (Statement session = connection.createStatement()) {
            int statements = 1 + random.nextInt(6);
            for (int i = 0; i < statements; i++) {
                if (random.nextInt(6) == 0) {
                    Savepoint savepoint = connection.setSavepoint();
                    session.execute(statement());
                    connection.rollback(savepoint);
                } else {
                    session.execute(statement());
                }
                if (number == 0 && random.nextInt(4) == 0) {
                    session.execute("SELECT pg_sleep(0.05)");
                }
            }
        }
        if (random.nextInt(7) == 0) {
            connection.rollback();
        } else {
            connection.commit();
        }
    }

    private String statement() {
        int kind = random.nextInt(200);
        if (kind == 0) {
            return "TRUNCATE exact_orders";
        }
        if (kind < 70) {
            return "INSERT INTO exact_orders (customer_id, region, amount, quantity) SELECT " + customer() + ", "
                    + region() + ", " + amount() + ", " + random.nextInt(6) + " FROM generate_series(1, "
                    + (1 + random.nextInt(3)) + ")";
        }
        if (kind < 100) {
            return "UPDATE exact_orders SET region = " + region() + ", quantity = quantity + 1 WHERE id % 97 = "
                    + random.nextInt(97);
        }
        if (kind < 130) {
            return "UPDATE exact_orders SET amount = " + amount() + " WHERE id % 89 = " + random.nextInt(89);
        }
        if (kind < 140) {
            return "UPDATE exact_orders SET note = 'seen' WHERE id % 11 = " + random.nextInt(11);
        }
        if (kind < 165) {
            return "DELETE FROM exact_orders WHERE id % 53 = " + random.nextInt(53);
        }
        if (kind < 180) {
            return "UPDATE exact_customers SET tier = " + random.nextInt(5) + " WHERE id = " + customer();
        }
        if (kind < 190) {
            return "DELETE FROM exact_customers WHERE id = " + customer();
        }
        int id = customer();
        return "INSERT INTO exact_customers VALUES (" + id + ", 'again', " + random.nextInt(4)
                + ") ON CONFLICT (id) DO UPDATE SET name = excluded.name || exact_customers.tier";
    }

    private int customer() {
        return 1 + random.nextInt(40);
    }

    private String region() {
        return random.nextInt(8) == 0 ? "NULL" : "'r" + random.nextInt(6) + "'";
    }

    /** Of several scales, but never the same number in two: which of them min() or DISTINCT shows would be undefined. */
    private String amount() {
        return switch (random.nextInt(8)) {
            case 0 -> "NULL";
            case 1 -> "3.125";
            case 2 -> "1.5";
            case 3 -> random.nextInt(40) == 0 ? "'NaN'" : "2.125";
            case 4 -> random.nextInt(40) == 0 ? "'Infinity'" : "0.0";
            default -> random.nextInt(1000) + "." + random.nextInt(10);
        };
    }
}
