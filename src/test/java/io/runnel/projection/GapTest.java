package io.runnel.projection;

import io.quarkus.test.junit.QuarkusTest;

@QuarkusTest
class GapTest extends GapContract {

    @Override
    int workers() {
        return 1;
    }
}
