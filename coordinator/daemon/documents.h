/*
 * documents: the documents of this node and of its peers (peer/documents.h) on the paths of
 * heartbeats. They are signed as those are, and what came in was proved as one
 * (daemon/heartbeats.h); only then it comes here instead of to the core, which knows nothing of it.
 *
 * What is due is sent at the end of each iteration, so a peer gets what it lacks in the iteration
 * in which it is heard. While something is not acknowledged, the next one begins in time for it
 * (loop.c). All functions are called in an iteration (locum_daemon_loop_now()).
 *
 * Each topic has one user in this room, which subscribes to it. A node that uses no topic sends no
 * such message. A witness takes part as a server does.
 */
#ifndef LOCUM_DAEMON_DOCUMENTS_H
#define LOCUM_DAEMON_DOCUMENTS_H

#include "config/config.h"
#include "daemon/daemon.h"
#include "peer/documents.h"

/* Callbacks of the user of a topic. Either may be NULL. */
struct locum_daemon_documents_user {
    /* There is another document of this node. True: it has taken effect, so it is acknowledged;
     * false: it comes again. */
    bool (*changed)(void *user, locum_node owner);
    void (*acknowledged)(void *user, locum_node peer); /* the peer has the whole own document */
    void *user;
};

struct locum_daemon_documents {
    struct locum_documents *carrier; /* NULL: not created */
    bool waits;                      /* for an acknowledgement of a peer that is heard */
    struct locum_daemon_documents_user users[LOCUM_DOCUMENT_TOPICS];
};

/* Nobody subscribes yet. 0 or LOCUM_ERR_MEMORY. */
int locum_daemon_documents_create(struct locum_daemon *self) LOCUM_MUST_CHECK;
void locum_daemon_documents_destroy(struct locum_daemon *self);

/* Subscribe to a topic; *user is copied. */
void locum_daemon_documents_subscribe(struct locum_daemon *self, enum locum_document_topic topic,
                                      const struct locum_daemon_documents_user *user);

/* Replace the own document of a topic, which is sent at the end of this iteration. As
 * locum_documents_set(); not from `changed`. */
int locum_daemon_documents_set(struct locum_daemon *self, enum locum_document_topic topic,
                               struct locum_slice text) LOCUM_MUST_CHECK;

/* As locum_documents_get(). */
struct locum_slice locum_daemon_documents_get(const struct locum_daemon *self,
                                              enum locum_document_topic topic, locum_node owner);

/* Does this node wait for the peer to acknowledge the own document? Not while it does not hear
 * it. */
bool locum_daemon_documents_lacks(const struct locum_daemon *self, enum locum_document_topic topic,
                                  locum_node peer);

/* Take a message that was proved, without its signatures. False: it is not one of documents. */
bool locum_daemon_documents_receive(struct locum_daemon *self, struct locum_slice text,
                                    enum locum_path path);

/* At the end of each iteration: send what is due. */
void locum_daemon_documents_look(struct locum_daemon *self);

/* Follow a new configuration; the old one still exists. */
void locum_daemon_documents_reconfigure(struct locum_daemon *self, const struct locum_config *next);

#endif
