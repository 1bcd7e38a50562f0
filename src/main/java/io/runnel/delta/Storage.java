package io.runnel.delta;

import io.runnel.operator.Scan;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;

/** Where a plan finds what Runnel keeps in the database for one stream table. */
public interface Storage {

    /** The change buffer of the scan's table: columns {@code xid}, {@code weight} and the captured ones. */
    QualifiedName buffer(Scan scan);

    /** The buffer's column for a column of the scan's table. */
    Identifier bufferColumn(Scan scan, Identifier column);

    /** The auxiliary table {@code number} of the {@code operator}-th operator of the tree, inputs first, from 0. */
    QualifiedName state(int operator, int number);
}
