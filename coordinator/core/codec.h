/*
 * codec: the lines of the text that a run leaves for the next one (resume.h). One walk over the
 * fields of a line writes it and reads it, so that both agree: with `out` it writes, else it reads
 * what is left of the line in `in`. A field that is missing or malformed sets `bad`. Pure.
 */
#ifndef LOCUM_CORE_CODEC_H
#define LOCUM_CORE_CODEC_H

#include "core/step.h"

#define LOCUM_CODEC_MAX ((uint64_t)1 << 53) /* no number is larger */

struct locum_codec {
    struct locum_text *out;               /* NULL: it reads */
    struct locum_slice in;                /* the rest of the line that is read */
    bool bad;                             /* a field is missing or malformed */
    locum_ms saved_at;                    /* the moment of saving on the mono clock of this run */
    const struct locum_core_config *node; /* names of nodes */
};

/* `run`: the run itself and its heartbeats. */
struct locum_run_line {
    uint64_t incarnation, seq, serial;
    locum_ms next_commit, last_send, started, grace;
    bool send_wanted;
};

/* `node`, after its name: everything that is kept about it. */
struct locum_node_line {
    struct locum_condition_state condition;
    struct locum_peer_facts facts;
    struct locum_family_state family[LOCUM_FAMILIES];
};

/* Read the next field; empty if there is none. */
struct locum_slice locum_codec_field(struct locum_codec *codec);

void locum_codec_u64(struct locum_codec *codec, uint64_t max, uint64_t *value);

/* A mono time that has come, as its age: it continues while no process runs. */
void locum_codec_time(struct locum_codec *codec, locum_ms *mono);

/* The fields of the lines. `admin` ends with its reason, `check` begins after the check's id. */
void locum_codec_run(struct locum_codec *codec, struct locum_run_line *run);
void locum_codec_admin(struct locum_codec *codec, struct locum_admin_state *admin);
void locum_codec_service(struct locum_codec *codec, struct locum_service_state *service);
void locum_codec_check(struct locum_codec *codec, struct locum_check_state *check);
void locum_codec_node(struct locum_codec *codec, struct locum_node_line *node);

#endif
