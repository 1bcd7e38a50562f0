package io.runnel.security;

import io.quarkus.test.junit.callback.QuarkusTestBeforeEachCallback;
import io.quarkus.test.junit.callback.QuarkusTestMethodContext;
import io.restassured.RestAssured;

/** Sends a key along with each request of a test that does not say otherwise. */
public final class EveryTestIsACaller implements QuarkusTestBeforeEachCallback {

    @Override
    public void beforeEach(QuarkusTestMethodContext context) {
        RestAssured.replaceFiltersWith((request, response, chain) -> {
            if (!request.getHeaders().hasHeaderWithName(CallerMechanism.HEADER)) {
                request.header(CallerMechanism.HEADER, TestCallers.key("tests"));
            }
            return chain.next(request, response);
        });
    }
}
