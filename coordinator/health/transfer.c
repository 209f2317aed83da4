#include "health/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/foreign.h"
#include "base/text_format.h"
#include "fetch/options.h"

static void
close_ca_file(struct locum_transfer *self)
{
    if (self->ca_fd >= 0) {
        (void)close(self->ca_fd);
        self->ca_fd = -1;
    }
}

/* CURLOPT_OPENSOCKETFUNCTION: as libcurl does it, but keep the reason of a failure. */
static curl_socket_t
open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct locum_transfer *self = user;
    (void)purpose;
    const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0 && locum_error_is_lack(errno)) {
        self->lack = errno;
    }
    return fd;
}

bool
locum_transfer_init(struct locum_transfer *self, const struct locum_probe *probe,
                    const char *ca_file, locum_transfer_fn *on_end, void *check)
{
    *self = (struct locum_transfer){.probe = probe,
                                    .ca_file = ca_file,
                                    .on_end = on_end,
                                    .check = check,
                                    .easy = curl_easy_init(),
                                    .ca_fd = -1};
    return self->easy != NULL &&
           locum_fetch_options_set(self->easy, self, probe->agent, self->error) &&
           curl_easy_setopt(self->easy, CURLOPT_OPENSOCKETDATA, self) == CURLE_OK &&
           curl_easy_setopt(self->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK;
}

void
locum_transfer_fini(struct locum_transfer *self)
{
    curl_easy_cleanup(self->easy);
    close_ca_file(self);
}

/* libcurl keeps the authorities by the path that it is given, so this stays open. */
enum locum_sample
locum_transfer_open(struct locum_transfer *self, char why[LOCUM_PROBE_TEXT_MAX])
{
    char via[LOCUM_FILE_VIA_MAX];
    struct locum_text text = locum_text_init(why, LOCUM_PROBE_TEXT_MAX);
    if (self->ca_file[0] == '\0' || self->ca_fd >= 0) {
        return LOCUM_SAMPLE_PASS;
    }
    locum_text_format(&text, "ca-file %s: ", self->ca_file);
    self->ca_fd = locum_file_open(self->ca_file, via, &text);
    if (self->ca_fd < 0) {
        const bool lack = locum_transfer_lack_of_descriptors() != 0;
        return lack ? LOCUM_SAMPLE_NOT_RUN : LOCUM_SAMPLE_FAIL;
    }
    if (curl_easy_setopt(self->easy, CURLOPT_CAPATH, NULL) != CURLE_OK ||
        curl_easy_setopt(self->easy, CURLOPT_CAINFO, via) != CURLE_OK) {
        close_ca_file(self);
        (void)locum_text_format_buffer(why, LOCUM_PROBE_TEXT_MAX, "%s", strerror(ENOMEM));
        return LOCUM_SAMPLE_NOT_RUN;
    }
    return LOCUM_SAMPLE_PASS;
}

void
locum_transfer_start(struct locum_transfer *self, long timeout_ms)
{
    self->lack = 0;
    self->error[0] = '\0';
    if (curl_easy_setopt(self->easy, CURLOPT_TIMEOUT_MS, timeout_ms) != CURLE_OK ||
        locum_fetch_loop_add(self->probe->fetch, self->easy) != CURLM_OK) {
        self->on_end(self->check, CURLE_FAILED_INIT);
    }
}

void
locum_transfer_done(void *transfer, CURLcode result)
{
    struct locum_transfer *self = transfer;
    const bool unreadable = result == CURLE_SSL_CACERT_BADFILE;
    self->on_end(self->check, result);
    if (unreadable) {
        close_ca_file(self); /* the next probe reads what is at its path then */
    }
}

int
locum_transfer_lack_of_descriptors(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}

int
locum_transfer_lack(const struct locum_transfer *self, CURLcode result)
{
    curl_off_t first_byte_us = 0;
    switch (locum_probe_lack_of(result)) {
    case LOCUM_LACK_ALWAYS: return ENOMEM;
    case LOCUM_LACK_WITHOUT_SOCKET: return self->lack;
    case LOCUM_LACK_WITHOUT_ANSWER:
        (void)curl_easy_getinfo(self->easy, CURLINFO_STARTTRANSFER_TIME_T, &first_byte_us);
        return first_byte_us > 0 ? 0 : ENOMEM;
    case LOCUM_LACK_WITHOUT_DESCRIPTOR: /* so libcurl and the resolver could not, either */
        return locum_transfer_lack_of_descriptors();
    case LOCUM_LACK_NONE: break;
    }
    return 0;
}

enum locum_sample
locum_transfer_judge(const struct locum_transfer *self, CURLcode result, struct locum_text *text)
{
    long os_errno = 0;
    (void)curl_easy_getinfo(self->easy, CURLINFO_OS_ERRNO, &os_errno);
    if (result == CURLE_COULDNT_CONNECT && os_errno == ECONNREFUSED) {
        locum_text_add(text, "connection refused");
        return LOCUM_SAMPLE_REFUSED;
    }
    if (result == CURLE_COULDNT_CONNECT && os_errno != 0) {
        locum_text_add(text, strerror((int)os_errno));
    } else if (result == CURLE_SSL_CACERT_BADFILE && self->ca_fd >= 0) {
        locum_text_format(text, "ca-file %s: no certificate in PEM format can be read from it",
                          self->ca_file);
    } else {
        const char *message = self->error[0] != '\0' ? self->error : curl_easy_strerror(result);
        locum_foreign_add(text, locum_slice_of(message), LOCUM_PROBE_TEXT_MAX);
    }
    return LOCUM_SAMPLE_FAIL;
}
