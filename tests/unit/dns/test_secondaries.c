/* secondaries: NOTIFY to a socket of this program (RFC 1996), and what its answers mean. */
#include "net.h"

#include "tsig.h"

#include "base/socket.h"
#include "base/timer.h"
#include "dns/secondaries.h"

static struct event_base *base;
static struct locum_secondaries *secondaries;
static struct site *site;
static int fd; /* of the secondary */
static struct sockaddr_storage from;
static socklen_t from_length;

static int
setup(void **state)
{
    (void)state;
    base = locum_timer_base(0);
    site = site_new();
    site->config.listen_dns[0] = address("192.0.2.12", 53);
    site->config.listen_dns[1] = address("127.0.0.7", 53);
    site->config.listen_dns_count = 2;
    struct locum_config_transfer *transfer = &site->config.zones[0].transfer;
    transfer->notify[0] = address("127.0.0.8", free_port("127.0.0.8"));
    transfer->notify_count = 1;
    fd = locum_socket_bind(&transfer->notify[0], SOCK_DGRAM, false);
    return fd >= 0 && locum_secondaries_create(base, &secondaries) == 0 ? 0 : 1;
}

static int
teardown(void **state)
{
    (void)state;
    locum_secondaries_destroy(secondaries);
    event_base_free(base);
    close(fd);
    free(site);
    return 0;
}

/* Run the loop until the secondary has a message; its length. */
static size_t
receive(uint8_t *packet, size_t size)
{
    const locum_ms by = now_ms() + 10000;
    ssize_t length = -1;
    while (length < 0 && now_ms() < by) {
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
        from_length = sizeof(from);
        length = recvfrom(fd, packet, size, MSG_DONTWAIT, (struct sockaddr *)&from, &from_length);
    }
    assert_true(length > 0);
    return (size_t)length;
}

static void
reply(const uint8_t *packet, size_t length)
{
    assert_int_equal(sendto(fd, packet, length, 0, (const struct sockaddr *)&from, from_length),
                     length);
    for (int i = 0; i < 20; i++) {
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
    }
}

static struct locum_secondaries_counts
counts(void)
{
    struct locum_secondaries_counts ret;
    locum_secondaries_counts(secondaries, &ret);
    return ret;
}

static void
test_message_and_acknowledgement(void **state)
{
    (void)state;
    uint8_t packet[1024];
    locum_secondaries_publish(secondaries, &site->config, 1763863258);
    assert_int_equal(counts().sent, 0); /* not before the next iteration */
    size_t length = receive(packet, sizeof(packet));
    struct locum_address source;
    assert_int_equal(locum_address_from_sockaddr((struct sockaddr *)&from, &source), 0);
    assert_string_equal(locum_address_host_text(&source).text, "127.0.0.7");
    ldns_pkt *read = read_reply(packet, length);
    assert_int_equal(ldns_pkt_get_opcode(read), LDNS_PACKET_NOTIFY);
    assert_true(ldns_pkt_aa(read) && !ldns_pkt_qr(read));
    assert_int_equal(ldns_pkt_arcount(read), 0);
    char *text = ldns_rr2str(ldns_rr_list_rr(ldns_pkt_answer(read), 0));
    assert_string_equal(text, "get.example.org.\t60\tIN\tSOA\tdc2.example.org. "
                              "hostmaster.get.example.org. 1763863258 3600 600 604800 15\n");
    free(text);
    ldns_pkt_free(read);
    assert_int_equal(counts().silent, 1);
    /* What is no answer to it changes nothing. */
    packet[0] ^= 1;
    packet[2] |= 0x80;
    reply(packet, length);
    packet[0] ^= 1;
    packet[2] = 0x80;
    reply(packet, length);
    packet[2] = 0xa4;
    packet[3] = 9;
    reply(packet, length);
    assert_int_equal(counts().acknowledged, 0);
    /* Without an answer it comes again, with another identifier. */
    uint8_t again[1024];
    assert_int_equal(receive(again, sizeof(again)), length);
    assert_memory_equal(again + 12, packet + 12, length - 12);
    again[2] |= 0x80;
    reply(again, length);
    assert_int_equal(counts().acknowledged, 1);
    assert_int_equal(counts().silent, 0);
    assert_int_equal(counts().sent, 2);
}

/* An answer to the message before confirms nothing of the new serial, which is sent after the
 * spacing. */
static void
test_late_answer_to_the_serial_before(void **state)
{
    (void)state;
    uint8_t packet[1024], second[1024];
    const uint64_t before = counts().acknowledged;
    locum_secondaries_publish(secondaries, &site->config, 1763863300);
    const size_t length = receive(packet, sizeof(packet));
    const locum_ms received = now_ms();
    locum_secondaries_publish(secondaries, &site->config, 1763863301);
    packet[2] |= 0x80;
    reply(packet, length);
    assert_int_equal(counts().acknowledged, before);
    assert_int_equal(counts().silent, 1);
    assert_int_equal(receive(second, sizeof(second)), length);
    assert_in_range(now_ms() - received, LOCUM_SECONDARIES_SPACING_MS - 50, 900);
    assert_int_equal(locum_packet_u16(second + length - 18), (uint16_t)1763863301); /* of the SOA */
    second[2] |= 0x80;
    reply(second, length);
    assert_int_equal(counts().acknowledged, before + 1);
    assert_int_equal(counts().silent, 0);
}

static void
test_signed(void **state)
{
    (void)state;
    uint8_t packet[1024];
    struct locum_config_transfer *transfer = &site->config.zones[0].transfer;
    site_keys(site);
    struct locum_access *access = site_access(site);
    strcpy(transfer->key_file, "file");
    locum_secondaries_publish(secondaries, &site->config, 1763863259); /* its keys are not known */
    transfer->keys = 3;
    transfer->first_key = 1;
    const uint64_t before = counts().acknowledged;
    locum_secondaries_publish(secondaries, &site->config, 1763863260);
    const size_t length = receive(packet, sizeof(packet));
    struct locum_tsig_record record;
    struct locum_tsig server;
    size_t at;
    const uint64_t now_s = (uint64_t)locum_clock_read().wall / 1000;
    assert_int_equal(locum_tsig_find(packet, length, &at), LOCUM_TSIG_FOUND);
    assert_true(locum_tsig_parse(packet, length, at, &record));
    assert_int_equal(locum_tsig_verify(&server, &access->keys, packet, &record, now_s), 0);
    assert_ptr_equal(server.key, &access->keys.key[1]);
    packet[2] |= 0x80;
    packet[11] = 0;
    reply(packet, at); /* without a signature it does not count */
    assert_int_equal(counts().acknowledged, before);
    reply(packet, locum_tsig_sign(&server, packet, at, now_s));
    assert_int_equal(counts().acknowledged, before + 1);
    locum_access_destroy(access);
}

static void
test_secondary_that_leaves(void **state)
{
    (void)state;
    site->config.zones[0].transfer.notify_count = 0;
    locum_secondaries_publish(secondaries, &site->config, 1763863270);
    assert_int_equal(counts().silent, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_and_acknowledgement),
        cmocka_unit_test(test_late_answer_to_the_serial_before),
        cmocka_unit_test(test_signed),
        cmocka_unit_test(test_secondary_that_leaves),
    };
    return cmocka_run_group_tests_name("dns/secondaries", tests, setup, teardown);
}
