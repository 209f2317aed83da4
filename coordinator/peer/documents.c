#include "peer/documents.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { SESSION_BYTES = 4, VERSION_MAX = INT32_MAX };

static const char format[] = "locum-doc1";
static const char *const topics[LOCUM_DOCUMENT_TOPICS] = {"acme", "keys"};

struct document {
    uint32_t session; /* of its owner, when it was written; the own one: 0 */
    uint32_t version; /* 0: none */
    size_t parts;     /* of it, 1 .. LOCUM_DOCUMENTS_PARTS_MAX */
    uint32_t present; /* the parts that are there, a bit each */
    bool refused;     /* a copy: it has not taken effect */
    size_t length;
    char *text; /* room for all its parts; owned */
};

/* What a peer has of the own document. */
struct receipt {
    uint32_t parts;    /* a bit each, of the current version */
    locum_ms sent;     /* mono */
    locum_ms pause_ms; /* from `sent` to the next; 0: not sent yet */
};

struct peer {
    uint32_t session, last_session; /* 0: none */
    struct document copy[LOCUM_DOCUMENT_TOPICS], next[LOCUM_DOCUMENT_TOPICS];
    struct receipt receipt[LOCUM_DOCUMENT_TOPICS];
};

struct locum_documents {
    const struct locum_core_config *config;
    const struct locum_documents_events *events;
    void *user;
    uint32_t session;
    struct document own[LOCUM_DOCUMENT_TOPICS];
    struct peer peer[LOCUM_NODES_MAX];
};

/* A message that was read. All texts are borrowed. */
struct message {
    locum_node sender, owner;
    uint32_t session;
    enum locum_document_topic topic;
    uint32_t version;
    bool is_ack;
    uint32_t owner_session, present; /* of an acknowledgement */
    size_t part, parts;              /* 0 .. parts - 1 */
    struct locum_slice text;
};

static uint32_t
all_parts(const struct document *document)
{
    return (uint32_t)((1u << document->parts) - 1);
}

/* Is it complete? */
static bool
is_whole(const struct document *document)
{
    return document->version != 0 && document->present == all_parts(document);
}

static void
document_clear(struct document *self)
{
    free(self->text);
    *self = (struct document){0};
}

struct locum_documents *
locum_documents_create(const struct locum_core_config *config, uint32_t session,
                       const struct locum_documents_events *events, void *user)
{
    struct locum_documents *self = calloc(1, sizeof(*self));
    if (self != NULL) {
        self->config = config;
        self->events = events;
        self->user = user;
        self->session = session;
    }
    return self;
}

static void
peer_clear(struct peer *self)
{
    for (size_t topic = 0; topic < LOCUM_DOCUMENT_TOPICS; topic++) {
        document_clear(&self->copy[topic]);
        document_clear(&self->next[topic]);
    }
    *self = (struct peer){0};
}

void
locum_documents_destroy(struct locum_documents *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t topic = 0; topic < LOCUM_DOCUMENT_TOPICS; topic++) {
        document_clear(&self->own[topic]);
    }
    for (size_t node = 0; node < LOCUM_NODES_MAX; node++) {
        peer_clear(&self->peer[node]);
    }
    free(self);
}

void
locum_documents_reconfigure(struct locum_documents *self, const struct locum_core_config *config)
{
    struct peer old[LOCUM_NODES_MAX];
    bool forgotten = false;
    memcpy(old, self->peer, sizeof(old));
    memset(self->peer, 0, sizeof(self->peer));
    for (locum_node node = 0; node < self->config->node_count; node++) {
        const locum_node now =
            locum_nodes_find(config, locum_slice_of(self->config->nodes[node].name));
        if (now == LOCUM_NODE_NONE) {
            forgotten = forgotten || old[node].session != 0;
            peer_clear(&old[node]);
        } else {
            self->peer[now] = old[node];
        }
    }
    if (forgotten) {
        self->session = self->session == UINT32_MAX ? 1 : self->session + 1;
    }
    self->config = config;
}

int
locum_documents_set(struct locum_documents *self, enum locum_document_topic topic,
                    struct locum_slice text)
{
    struct document *own = &self->own[topic];
    if (own->version != 0 && own->length == text.length &&
        memcmp(own->text, text.at, text.length) == 0) {
        return 0;
    }
    if (text.length > LOCUM_DOCUMENTS_BYTES_MAX) {
        return LOCUM_ERR_SPACE;
    }
    if (!locum_slice_is_plain(text)) {
        return LOCUM_ERR_INVALID;
    }
    char *copy = malloc(text.length + 1);
    if (copy == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    memcpy(copy, text.at, text.length);
    copy[text.length] = '\0';
    free(own->text);
    own->text = copy;
    own->length = text.length;
    own->version++;
    own->parts = text.length == 0
                     ? 1
                     : (text.length + LOCUM_DOCUMENTS_PART_BYTES - 1) / LOCUM_DOCUMENTS_PART_BYTES;
    own->present = all_parts(own);
    for (size_t node = 0; node < LOCUM_NODES_MAX; node++) {
        self->peer[node].receipt[topic] = (struct receipt){0};
    }
    return 0;
}

struct locum_slice
locum_documents_get(const struct locum_documents *self, enum locum_document_topic topic,
                    locum_node owner)
{
    const struct document *document =
        owner == self->config->self ? &self->own[topic] : &self->peer[owner].copy[topic];
    return is_whole(document)
               ? (struct locum_slice){.at = document->text, .length = document->length}
               : (struct locum_slice){0};
}

bool
locum_documents_is_acknowledged(const struct locum_documents *self, enum locum_document_topic topic,
                                locum_node peer)
{
    const struct document *own = &self->own[topic];
    return own->version == 0 || self->peer[peer].receipt[topic].parts == all_parts(own);
}

/* Does this node exchange documents with the other one? */
static bool
is_peer(const struct locum_documents *self, locum_node node)
{
    return node != self->config->self && self->config->nodes[node].role != LOCUM_ROLE_SENTINEL;
}

/* The beginning of a message to a node, or to all. */
static void
add_head(const struct locum_documents *self, locum_node to, struct locum_text *line)
{
    uint8_t session[SESSION_BYTES];
    const char *separator = "";
    for (size_t i = 0; i < sizeof(session); i++) {
        session[i] = (uint8_t)(self->session >> 8 * (sizeof(session) - 1 - i));
    }
    locum_text_add(line, format);
    locum_text_add_char(line, ' ');
    locum_text_add(line, self->config->cluster);
    locum_text_add_char(line, ' ');
    locum_text_add(line, self->config->nodes[self->config->self].name);
    locum_text_add_char(line, ' ');
    locum_text_add_hex(line, session, sizeof(session));
    locum_text_add_char(line, ' ');
    for (locum_node node = 0; node < self->config->node_count; node++) {
        if (!is_peer(self, node) || (to != LOCUM_NODE_NONE && node != to)) {
            continue;
        }
        const struct locum_order heard = self->events->heard(self->user, node);
        if (heard.incarnation == 0) {
            continue;
        }
        locum_text_add(line, separator);
        locum_text_add(line, self->config->nodes[node].name);
        locum_text_add_char(line, '=');
        locum_text_add_u64(line, heard.incarnation);
        locum_text_add_char(line, ',');
        locum_text_add_u64(line, heard.seq);
        separator = ";";
    }
}

/* " keys dc2 7 " */
static void
add_subject(const struct locum_documents *self, struct locum_text *line,
            enum locum_document_topic topic, locum_node owner, uint32_t version)
{
    locum_text_add_char(line, ' ');
    locum_text_add(line, topics[topic]);
    locum_text_add_char(line, ' ');
    locum_text_add(line, self->config->nodes[owner].name);
    locum_text_add_char(line, ' ');
    locum_text_add_u64(line, version);
    locum_text_add_char(line, ' ');
}

static void
send_part(struct locum_documents *self, enum locum_document_topic topic, locum_node to, size_t part)
{
    char buffer[LOCUM_DOCUMENTS_LINE_MAX];
    struct locum_text line = locum_text_init(buffer, sizeof(buffer));
    const struct document *own = &self->own[topic];
    const size_t begin = part * LOCUM_DOCUMENTS_PART_BYTES;
    const size_t left = own->length - begin;
    add_head(self, to, &line);
    add_subject(self, &line, topic, self->config->self, own->version);
    locum_text_add_u64(&line, part + 1);
    locum_text_add_char(&line, '/');
    locum_text_add_u64(&line, own->parts);
    locum_text_add_char(&line, ' ');
    locum_text_add_bytes(&line, own->text + begin,
                         left < LOCUM_DOCUMENTS_PART_BYTES ? left : LOCUM_DOCUMENTS_PART_BYTES);
    LOCUM_INVARIANT(!line.truncated);
    self->events->send(self->user, to, locum_slice_of(buffer));
}

static void
send_ack(struct locum_documents *self, const struct message *message,
         const struct document *document, enum locum_path path)
{
    char buffer[LOCUM_DOCUMENTS_LINE_MAX];
    struct locum_text line = locum_text_init(buffer, sizeof(buffer));
    const locum_node to = path == LOCUM_PATH_UDP ? message->sender : LOCUM_NODE_NONE;
    uint8_t numbers[2 * SESSION_BYTES];
    for (size_t i = 0; i < SESSION_BYTES; i++) {
        const size_t shift = 8 * (SESSION_BYTES - 1 - i);
        numbers[i] = (uint8_t)(message->session >> shift);
        numbers[SESSION_BYTES + i] = (uint8_t)(document->present >> shift);
    }
    add_head(self, to, &line);
    add_subject(self, &line, message->topic, message->owner, document->version);
    locum_text_add(&line, "ack ");
    locum_text_add_hex(&line, numbers, SESSION_BYTES);
    locum_text_add_char(&line, ' ');
    locum_text_add_hex(&line, numbers + SESSION_BYTES, SESSION_BYTES);
    LOCUM_INVARIANT(!line.truncated);
    self->events->send(self->user, to, locum_slice_of(buffer));
}

bool
locum_documents_is_message(struct locum_slice line)
{
    struct locum_slice version;
    return locum_slice_cut(&line, ' ', &version) && locum_slice_is(version, format);
}

static bool
cut_number(struct locum_slice *rest, char separator, uint64_t max, uint64_t *ret)
{
    struct locum_slice field;
    return locum_slice_cut(rest, separator, &field) && locum_slice_u64(field, max, ret) == 0;
}

static bool
cut_hex(struct locum_slice *rest, uint32_t *ret)
{
    struct locum_slice field;
    uint8_t bytes[SESSION_BYTES];
    if (!locum_slice_cut(rest, ' ', &field) || locum_slice_hex(field, bytes, sizeof(bytes)) != 0) {
        return false;
    }
    *ret = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return true;
}

static bool
cut_node(const struct locum_documents *self, struct locum_slice *rest, locum_node *ret)
{
    struct locum_slice field;
    if (!locum_slice_cut(rest, ' ', &field)) {
        return false;
    }
    *ret = locum_nodes_find(self->config, field);
    return *ret != LOCUM_NODE_NONE;
}

/* "dc3=1763863199001,529;ns0=...": does it name a recent heartbeat of this node? */
static bool
is_fresh(const struct locum_documents *self, struct locum_slice list)
{
    const char *own = self->config->nodes[self->config->self].name;
    struct locum_slice rest, name;
    while (locum_slice_cut(&list, ';', &rest)) {
        struct locum_order order;
        if (locum_slice_cut(&rest, '=', &name) && locum_slice_is(name, own)) {
            return cut_number(&rest, ',', INT64_MAX, &order.incarnation) &&
                   locum_slice_u64(rest, INT64_MAX, &order.seq) == 0 &&
                   self->events->is_recent(self->user, order);
        }
    }
    return false;
}

/* "1/2 TEXT" or "ack 5f1c2a90 00000003" */
static bool
parse_part(struct locum_slice rest, struct message *ret)
{
    struct locum_slice field;
    uint64_t part, parts;
    if (!locum_slice_cut(&rest, ' ', &field)) {
        return false;
    }
    ret->is_ack = locum_slice_is(field, "ack");
    if (ret->is_ack) {
        return cut_hex(&rest, &ret->owner_session) && cut_hex(&rest, &ret->present) &&
               rest.at == NULL;
    }
    if (!cut_number(&field, '/', LOCUM_DOCUMENTS_PARTS_MAX, &part) ||
        locum_slice_u64(field, LOCUM_DOCUMENTS_PARTS_MAX, &parts) != 0 || part == 0 ||
        part > parts || rest.at == NULL) {
        return false;
    }
    ret->part = (size_t)part - 1;
    ret->parts = (size_t)parts;
    ret->text = rest;
    /* All parts but the last are full, so that each has its place. */
    return locum_slice_is_plain(rest) &&
           (part == parts ? rest.length <= LOCUM_DOCUMENTS_PART_BYTES
                          : rest.length == LOCUM_DOCUMENTS_PART_BYTES);
}

static bool
parse_topic(struct locum_slice field, enum locum_document_topic *ret)
{
    for (size_t i = 0; i < LOCUM_DOCUMENT_TOPICS; i++) {
        if (locum_slice_is(field, topics[i])) {
            *ret = (enum locum_document_topic)i;
            return true;
        }
    }
    return false;
}

static bool
parse(const struct locum_documents *self, struct locum_slice rest, struct message *ret)
{
    struct locum_slice version, cluster, fresh, topic;
    uint64_t number;
    if (!locum_slice_cut(&rest, ' ', &version) || !locum_slice_is(version, format) ||
        !locum_slice_cut(&rest, ' ', &cluster) || !locum_slice_is(cluster, self->config->cluster) ||
        !cut_node(self, &rest, &ret->sender) || !is_peer(self, ret->sender) ||
        !cut_hex(&rest, &ret->session) || ret->session == 0 ||
        !locum_slice_cut(&rest, ' ', &fresh) || !is_fresh(self, fresh)) {
        return false;
    }
    if (!locum_slice_cut(&rest, ' ', &topic) || !parse_topic(topic, &ret->topic) ||
        !cut_node(self, &rest, &ret->owner) || !cut_number(&rest, ' ', VERSION_MAX, &number) ||
        number == 0 || !parse_part(rest, ret)) {
        return false;
    }
    ret->version = (uint32_t)number;
    return ret->is_ack || ret->owner == ret->sender;
}

/*
 * A new session: the peer has no copies, and its versions begin again. A late message of the
 * session before it says nothing. False: it is one.
 */
static bool
note_session(struct peer *peer, uint32_t session)
{
    if (session == peer->session) {
        return true;
    }
    if (session == peer->last_session) {
        return false;
    }
    peer->last_session = peer->session;
    peer->session = session;
    for (size_t topic = 0; topic < LOCUM_DOCUMENT_TOPICS; topic++) {
        peer->receipt[topic] = (struct receipt){0};
        document_clear(&peer->next[topic]);
    }
    return true;
}

static void
receive_ack(struct locum_documents *self, const struct message *message)
{
    const struct document *own = &self->own[message->topic];
    struct receipt *receipt = &self->peer[message->sender].receipt[message->topic];
    if (message->owner != self->config->self || message->owner_session != self->session ||
        message->version != own->version || receipt->parts == all_parts(own)) {
        return;
    }
    receipt->parts |= message->present & all_parts(own);
    if (receipt->parts == all_parts(own) && self->events->acknowledged != NULL) {
        self->events->acknowledged(self->user, message->topic, message->sender);
    }
}

/* Make room for a version of a peer's document. */
static bool
begin(struct document *self, const struct message *message)
{
    document_clear(self);
    self->text = malloc(message->parts * LOCUM_DOCUMENTS_PART_BYTES + 1);
    if (self->text == NULL) {
        return false;
    }
    self->session = message->session;
    self->version = message->version;
    self->parts = message->parts;
    return true;
}

/* There is another copy: acknowledge it once it has taken effect. */
static void
follow_copy(struct locum_documents *self, const struct message *message, struct document *copy,
            enum locum_path path)
{
    copy->refused = self->events->changed != NULL &&
                    !self->events->changed(self->user, message->topic, message->sender);
    if (!copy->refused) {
        send_ack(self, message, copy, path);
    }
}

static bool
receive_part(struct locum_documents *self, const struct message *message, enum locum_path path)
{
    struct document *copy = &self->peer[message->sender].copy[message->topic];
    struct document *next = &self->peer[message->sender].next[message->topic];
    if (copy->session == message->session && copy->version >= message->version) {
        if (copy->refused) {
            follow_copy(self, message, copy, path);
        } else {
            send_ack(self, message, copy, path);
        }
        return true;
    }
    if (message->version > next->version && !begin(next, message)) {
        return false;
    }
    if (message->version != next->version || message->parts != next->parts) {
        return true; /* it has come late */
    }
    memcpy(next->text + message->part * LOCUM_DOCUMENTS_PART_BYTES, message->text.at,
           message->text.length);
    next->present |= 1u << message->part;
    if (message->part + 1 == message->parts) {
        next->length = message->part * LOCUM_DOCUMENTS_PART_BYTES + message->text.length;
        next->text[next->length] = '\0';
    }
    if (!is_whole(next)) {
        send_ack(self, message, next, path);
        return true;
    }
    document_clear(copy);
    *copy = *next;
    *next = (struct document){0};
    follow_copy(self, message, copy, path);
    return true;
}

bool
locum_documents_receive(struct locum_documents *self, struct locum_slice text, enum locum_path path)
{
    struct message message;
    if (!parse(self, text, &message)) {
        return false;
    }
    if (!note_session(&self->peer[message.sender], message.session)) {
        return true;
    }
    if (message.is_ack) {
        receive_ack(self, &message);
        return true;
    }
    return receive_part(self, &message, path);
}

/* Send to one peer what it lacks, if it is time; returns the parts that were sent. */
static uint32_t
send_to(struct locum_documents *self, enum locum_document_topic topic, locum_node to, locum_ms mono)
{
    const struct document *own = &self->own[topic];
    struct receipt *receipt = &self->peer[to].receipt[topic];
    const uint32_t missing = all_parts(own) & ~receipt->parts;
    if (mono - receipt->sent < receipt->pause_ms) {
        return 0;
    }
    for (size_t part = 0; part < own->parts; part++) {
        if ((missing >> part & 1u) != 0) {
            send_part(self, topic, to, part);
        }
    }
    const locum_ms next = 2 * receipt->pause_ms;
    receipt->pause_ms = next == 0                              ? LOCUM_DOCUMENTS_REPEAT_MS
                        : next < LOCUM_DOCUMENTS_REPEAT_MAX_MS ? next
                                                               : LOCUM_DOCUMENTS_REPEAT_MAX_MS;
    receipt->sent = mono;
    return missing;
}

bool
locum_documents_send(struct locum_documents *self, locum_ms mono)
{
    bool waits = false;
    for (size_t i = 0; i < LOCUM_DOCUMENT_TOPICS; i++) {
        const enum locum_document_topic topic = (enum locum_document_topic)i;
        uint32_t sent = 0;
        for (locum_node node = 0; node < self->config->node_count; node++) {
            if (is_peer(self, node) && !locum_documents_is_acknowledged(self, topic, node) &&
                self->events->heard(self->user, node).incarnation != 0) {
                sent |= send_to(self, topic, node, mono);
                waits = true;
            }
        }
        for (size_t part = 0; part < self->own[topic].parts; part++) {
            if (self->config->redis && (sent >> part & 1u) != 0) {
                send_part(self, topic, LOCUM_NODE_NONE, part);
            }
        }
    }
    return waits;
}
