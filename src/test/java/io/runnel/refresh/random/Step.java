package io.runnel.refresh.random;

import java.util.List;

/** What happens to the tables, one after another. */
sealed interface Step {

    /** Statements in one transaction, of which those fail alone that violate a constraint. */
    record Transaction(List<String> statements, boolean undone) implements Step {

        public Transaction {
            statements = List.copyOf(statements);
        }

        @Override
        public String toString() {
            return "BEGIN;\n" + String.join(";\n", statements) + (undone ? ";\nROLLBACK;" : ";\nCOMMIT;");
        }
    }

    /** The stream table that is looked at, and all that it reads, are refreshed. */
    record Refresh() implements Step {

        @Override
        public String toString() {
            return "-- refresh";
        }
    }
}
