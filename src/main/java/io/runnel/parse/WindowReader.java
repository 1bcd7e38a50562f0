package io.runnel.parse;

import io.runnel.parse.Scalar.Sort;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads calls of window functions and the WINDOW clause. */
final class WindowReader {

    private final Cursor cursor;
    private final ScalarReader scalars;

    WindowReader(Cursor cursor, ScalarReader scalars) {
        this.cursor = cursor;
        this.scalars = scalars;
    }

    /** The call from {@code from} to {@code end}, whose parenthesis is at {@code open} and whose OVER is at {@code over}. */
    Scalar.Window read(int from, int open, int over, int end) {
        List<Scalar.Piece> call = new ArrayList<>();
        cursor.tokens(from, open).forEach(token -> call.add(new Scalar.Word(token)));
        call.addAll(scalars.scan(open, over).pieces());
        int saved = cursor.at();
        cursor.moveTo(over + 1);
        WindowSpec spec = cursor.isSymbol("(") ? spec() : WindowSpec.named(cursor.expectName());
        if (cursor.at() != end) {
            throw Refusal.notUnderstood(cursor.peek());
        }
        cursor.moveTo(saved);
        return new Scalar.Window(cursor.tokens(from, end), new Scalar(call), spec);
    }

    /** The items of the WINDOW clause, which start at the cursor. */
    List<WindowSpec.Named> readClause() {
        List<WindowSpec.Named> windows = new ArrayList<>();
        do {
            int from = cursor.at();
            Token name = cursor.expectName();
            cursor.expect("AS");
            WindowSpec spec = spec();
            windows.add(new WindowSpec.Named(name, spec, cursor.tokens(from, cursor.at())));
        } while (cursor.acceptSymbol(","));
        return windows;
    }

    private WindowSpec spec() {
        int close = cursor.match(cursor.at());
        cursor.expectSymbol("(");
        boolean copies = cursor.peek().isName();
        Optional<Token> base = copies ? Optional.of(cursor.next()) : Optional.empty();
        List<Scalar> partition = new ArrayList<>();
        if (cursor.accept("PARTITION").isPresent()) {
            cursor.expect("BY");
            do {
                partition.add(scalars.read());
            } while (cursor.acceptSymbol(","));
        }
        List<Sort> order = List.of();
        if (cursor.accept("ORDER").isPresent()) {
            cursor.expect("BY");
            order = scalars.readSorts();
        }
        Optional<Scalar> frame = Optional.empty();
        if (cursor.isKeyword("ROWS") || cursor.isKeyword("RANGE") || cursor.isKeyword("GROUPS")) {
            frame = Optional.of(scalars.scanLoosely(cursor.at(), close));
            cursor.moveTo(close);
        }
        cursor.expectSymbol(")");
        return new WindowSpec(base, partition, order, frame);
    }
}
