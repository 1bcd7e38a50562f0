package io.runnel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class NotificationTest {

    @Test
    void what_anybody_else_sends_is_none() {
        assertThat(Notification.of("runnel_wakeup", "7")).contains(new Notification("runnel_wakeup", 7));
        assertThat(Notification.of("runnel_wakeup", "")).isEmpty();
        assertThat(Notification.of("runnel_events", "7; DROP")).isEmpty();
        assertThat(Notification.of("runnel_events", "99999999999999999999")).isEmpty();
    }
}
