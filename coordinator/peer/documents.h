/*
 * documents: texts that each node has of every other one, besides heartbeats; no decision needs
 * them. A node owns one document a topic. The others keep copies and acknowledge them.
 *
 * A message is one line, signed as a heartbeat is, on both paths (LOCUM_NODE_NONE: Redis):
 *
 *   locum-doc1 get dc2 5f1c2a90 dc3=1763863199001,529 keys dc2 7 1/2 TEXT
 *           cluster sender session freshness       topic owner version part  the rest of the line
 *   locum-doc1 get dc3 77aa01ce dc2=1763863200123,522 keys dc2 7 ack 5f1c2a90 3
 *                                  the owner's session, and the parts that the sender has, in hex
 *
 * freshness: for each receiver, the last heartbeat that the sender has accepted of it. A message
 * without a recent one of its reader does not count, as HEARTBEAT-6, so none can be replayed.
 * session: a random number of the sender's run. A new one means that it has no copies any more, and
 * that its versions begin again.
 *
 * A document is repeated to each node that is heard until that node has acknowledged all of it:
 * after LOCUM_DOCUMENTS_REPEAT_MS, then after twice as long, up to LOCUM_DOCUMENTS_REPEAT_MAX_MS.
 *
 * What it sends and learns goes through callbacks, from the functions of this header only. A
 * version that does not know such messages takes them for those of an unknown version
 * (HEARTBEAT-5).
 */
#ifndef LOCUM_PEER_DOCUMENTS_H
#define LOCUM_PEER_DOCUMENTS_H

#include "base/clock.h"
#include "core/heartbeat.h"
#include "core/view.h"

struct locum_documents;

enum locum_document_topic {
    LOCUM_DOCUMENT_ACME, /* ACME challenges */
    LOCUM_DOCUMENT_KEYS, /* states of DNSSEC keys */
    LOCUM_DOCUMENT_TOPICS
};

enum {
    LOCUM_DOCUMENTS_PARTS_MAX = 30,   /* fewer than a bit mask of 32 has */
    LOCUM_DOCUMENTS_PART_BYTES = 700, /* so that a message is one datagram, with its signatures */
    LOCUM_DOCUMENTS_BYTES_MAX = LOCUM_DOCUMENTS_PARTS_MAX * LOCUM_DOCUMENTS_PART_BYTES,
    LOCUM_DOCUMENTS_REPEAT_MS = 125,
    LOCUM_DOCUMENTS_REPEAT_MAX_MS = 1000,
    /* The longest message by Redis, without its signatures. */
    LOCUM_DOCUMENTS_LINE_MAX = LOCUM_HEARTBEAT_MAX + LOCUM_DOCUMENTS_PART_BYTES,
};

struct locum_documents_events {
    /* The last accepted heartbeat of the peer, for it to see that a message is fresh; 0, 0: it is
     * not heard now, and nothing is sent to it. */
    struct locum_order (*heard)(void *user, locum_node peer);
    /* Did this node send that heartbeat not long ago? */
    bool (*is_recent)(void *user, struct locum_order own);
    /* Sign and send a line to a node, or to all by Redis (LOCUM_NODE_NONE). */
    void (*send)(void *user, locum_node to, struct locum_slice line);
    /* There is another document of this node. True: it has taken effect, so it is acknowledged;
     * false: it comes again, and this is called again. May be NULL. */
    bool (*changed)(void *user, enum locum_document_topic topic, locum_node owner);
    /* The peer has the whole own document. May be NULL. */
    void (*acknowledged)(void *user, enum locum_document_topic topic, locum_node peer);
};

/*
 * config, events  borrowed until reconfigure or destroy.
 * session         random, not 0.
 * NULL: out of memory.
 */
struct locum_documents *locum_documents_create(const struct locum_core_config *config,
                                               uint32_t session,
                                               const struct locum_documents_events *events,
                                               void *user);

/* Take a new configuration. Copies of nodes that have left are forgotten, the others follow their
 * node's name. If one was forgotten, a new session begins: should that node come back, it sends it
 * again. The old configuration must exist until this returns. */
void locum_documents_reconfigure(struct locum_documents *self,
                                 const struct locum_core_config *config);

/*
 * Replace the own document; locum_documents_send() sends it. The same text again changes nothing.
 *
 * text  printable ASCII and blanks; may be empty.
 * Returns 0; LOCUM_ERR_INVALID (another byte), LOCUM_ERR_SPACE (longer than
 * LOCUM_DOCUMENTS_BYTES_MAX) or LOCUM_ERR_MEMORY: then nothing has changed.
 */
int locum_documents_set(struct locum_documents *self, enum locum_document_topic topic,
                        struct locum_slice text) LOCUM_MUST_CHECK;

/* The document of a node, the own one too; borrowed until the next set, receive or reconfigure.
 * `at` is NULL: none is known. */
struct locum_slice locum_documents_get(const struct locum_documents *self,
                                       enum locum_document_topic topic, locum_node owner);

/* Has the peer acknowledged the whole own document? True without one. */
bool locum_documents_is_acknowledged(const struct locum_documents *self,
                                     enum locum_document_topic topic, locum_node peer);

/* Is this line, with or without its signatures, one of documents? */
bool locum_documents_is_message(struct locum_slice line);

/*
 * Take a message whose signature is valid, without its signatures.
 *
 * path  it came by; an acknowledgement goes there too.
 * Returns false if it does not count: malformed, of another cluster, not fresh, of no topic that
 * this version knows, or there is no memory for it.
 */
bool locum_documents_receive(struct locum_documents *self, struct locum_slice text,
                             enum locum_path path);

/*
 * Send what is due. Returns true if some peer has not acknowledged all: then call it again, after
 * LOCUM_DOCUMENTS_REPEAT_MS. Otherwise after the next locum_documents_set() or receive().
 */
bool locum_documents_send(struct locum_documents *self, locum_ms mono);

/* NULL is fine. */
void locum_documents_destroy(struct locum_documents *self);

#endif
