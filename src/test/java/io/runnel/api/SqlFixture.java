package io.runnel.api;

import io.runnel.api.SqlSurface.Session;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/** A PostgreSQL with the SQL surface, and one session each of an application and of the service. */
abstract class SqlFixture {
    static SqlSurface surface;

    Session app;
    Session service;

    @BeforeAll
    static void start() throws Exception {
        surface = SqlSurface.start();
    }

    @AfterAll
    static void stop() throws Exception {
        surface.close();
    }

    @BeforeEach
    void connect() throws Exception {
        surface.reset();
        app = surface.session("app");
        service = surface.session("service");
    }

    @AfterEach
    void disconnect() throws Exception {
        app.close();
        service.close();
    }
}
