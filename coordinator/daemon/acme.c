#include "daemon/acme.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text_format.h"
#include "config/acme.h"
#include "daemon/act.h"
#include "daemon/inside.h"

_Static_assert((int)LOCUM_CHALLENGE_BYTES_MAX <= (int)LOCUM_DOCUMENTS_BYTES_MAX,
               "a document of challenges can be sent");

enum { RETRY_MS = 1000 }; /* out of memory */

/* Of the kept text: "locum-acme1 BOOT-ID BOOT WALL" with the two clocks at its time, then "NODE
 * DOCUMENT" for each. */
static const char format[] = "locum-acme1";

struct locum_acme_wait {
    struct locum_acme_wait *next;
    locum_acme_done_fn *done; /* NULL: nobody is called */
    void *user;
    locum_ms until; /* mono */
};

/* A kept text says times on the boot clock, which no one sets. */
static struct locum_now
on_boot_clock(struct locum_now now)
{
    now.wall = now.boot;
    return now;
}

/* A name as the events and people write it: without the last dot. */
static const char *
name_text(const struct locum_acme_name *name, char ret[LOCUM_DOMAIN_MAX + 1])
{
    (void)locum_text_format_buffer(ret, LOCUM_DOMAIN_MAX + 1, "%.*s", (int)strlen(name->owner) - 1,
                                   name->owner);
    return ret;
}

/* The text that the next run takes up, and the state writer keeps. A copy that finds no room is
 * left out: it comes again. */
static void
keep(struct locum_daemon *self)
{
    const struct locum_core_config *config = &self->config->core;
    char *buffer = malloc(LOCUM_STATE_ACME_BYTES_MAX);
    if (buffer == NULL) {
        return; /* the next change keeps it */
    }
    struct locum_text text = locum_text_init(buffer, LOCUM_STATE_ACME_BYTES_MAX);
    locum_text_format(&text, "%s %s %" PRId64 " %" PRId64 "\n", format, self->boot_id,
                      self->now.boot, self->now.wall);
    for (locum_node i = 0; i < config->node_count; i++) {
        /* The own document first, for which there is room. */
        const locum_node node = i == 0 ? config->self : i <= config->self ? i - 1 : i;
        const struct locum_text before = text;
        locum_text_format(&text, "%s ", config->nodes[node].name);
        if (node == config->self) {
            locum_challenges_add(self->acme.challenges, on_boot_clock(self->now), &text);
        } else {
            locum_challenges_add_copy(self->acme.challenges, node, on_boot_clock(self->now), &text);
        }
        locum_text_add_char(&text, '\n');
        if (text.truncated) {
            text = before;
            buffer[text.length] = '\0';
        }
    }
    locum_state_writer_put_acme(self->writer, &text);
    free(buffer);
}

/* Take up a line of what the last run has kept. `now` has its clock as `wall`. */
static void
take_up(struct locum_daemon *self, struct locum_slice line, struct locum_now now)
{
    struct locum_slice name;
    (void)locum_slice_cut(&line, ' ', &name); /* the first field always exists */
    const locum_node node = locum_nodes_find(&self->config->core, name);
    if (node == self->config->core.self) {
        locum_challenges_resume(self->acme.challenges, line, now);
    } else if (node != LOCUM_NODE_NONE && line.length > 0) {
        (void)!locum_challenges_take(self->acme.challenges, node, line, 0, now);
    }
}

/* The clock that a kept text says its times on. False: it is of no use. */
static bool
read_clock(const struct locum_daemon *self, struct locum_slice line, struct locum_now *ret)
{
    struct locum_slice version, boot_id, number;
    uint64_t boot, wall;
    if (!locum_slice_cut(&line, ' ', &version) || !locum_slice_is(version, format) ||
        !locum_slice_cut(&line, ' ', &boot_id) || !locum_slice_cut(&line, ' ', &number) ||
        locum_slice_u64(number, INT64_MAX / 2, &boot) != 0 ||
        locum_slice_u64(line, INT64_MAX / 2, &wall) != 0) {
        return false;
    }
    *ret = on_boot_clock(self->now);
    if (!locum_slice_is(boot_id, self->boot_id)) {
        /* Of another boot, whose clock has ended: the wall clock tells how long ago it was. */
        ret->wall = (locum_ms)boot + (self->now.wall - (locum_ms)wall);
        return self->now.wall >= (locum_ms)wall;
    }
    return true;
}

/* Take up what the last run has kept below /run or, if that was lost by a boot, in the state
 * folder. False: there is none. */
static bool
resume(struct locum_daemon *self, bool run, char *buffer)
{
    char reason[512];
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    struct locum_slice rest, line;
    struct locum_now now;
    if (locum_state_load_acme(self->config, run, buffer, &rest, &why) != 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "acme", "reason", reason, "effect",
                  "the values of ACME challenges that this node has taken are lost");
        return false;
    }
    if (!locum_slice_cut(&rest, '\n', &line) || !read_clock(self, line, &now)) {
        return false;
    }
    while (locum_slice_cut(&rest, '\n', &line)) {
        take_up(self, line, now);
    }
    return true;
}

/* What follows the label in the owner of challenges for a name. */
static const char *
base_of(const struct locum_config *config, size_t name)
{
    const char *text = config->names[name].name;
    return text[0] == '*' && text[1] == '.' ? text + 2 : text;
}

/* The first place of a base in the sorted names, or where it would be. */
static size_t
place_of(const struct locum_daemon *self, const char *base)
{
    size_t begin = 0, end = self->acme.sorted_count;
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        if (strcmp(base_of(self->config, self->acme.sorted[middle]), base) < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

/* So that a request finds its name without a look at all of them. */
static void
sort_names(struct locum_daemon *self)
{
    struct locum_acme *acme = &self->acme;
    char owner[LOCUM_DOMAIN_MAX + 1];
    acme->sorted_count = 0;
    for (size_t i = self->config->core.name_count; i-- > 0;) {
        if (locum_acme_challenge_owner(self->config, i, owner)) {
            const size_t place = place_of(self, base_of(self->config, i));
            memmove(&acme->sorted[place + 1], &acme->sorted[place],
                    (acme->sorted_count - place) * sizeof(acme->sorted[0]));
            acme->sorted[place] = (uint16_t)i;
            acme->sorted_count++;
        }
    }
}

/* Which names have challenges. Out of memory: none has, until the next reload. */
static int
find_names(struct locum_daemon *self)
{
    const int status = locum_dns_find_challenged(self->config, self->acme.on);
    self->acme.any = false;
    for (size_t i = 0; i < LOCUM_NAMES_MAX; i++) {
        self->acme.on[i] = self->acme.on[i] && status == 0;
        self->acme.any = self->acme.any || self->acme.on[i];
    }
    sort_names(self);
    return status;
}

static bool
is_same(const struct locum_challenge_answers *a, const struct locum_challenge_answers *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    return a->count == b->count && memcmp(a->at, b->at, a->count * sizeof(a->at[0])) == 0;
}

/* Make the answers of what is known now. True: they are others. */
static bool
refresh(struct locum_daemon *self)
{
    struct locum_challenge_answers *answers;
    self->acme.next = locum_challenges_expire(self->acme.challenges, self->now);
    if (locum_challenges_answers(self->acme.challenges, self->config, self->now, &answers) != 0) {
        self->acme.next = self->now.boot + RETRY_MS;
        return false;
    }
    const bool changed = !is_same(self->acme.answers, answers);
    free(self->acme.answers);
    self->acme.answers = answers;
    self->run.acme_values = 0;
    for (size_t i = 0; answers != NULL && i < answers->count; i++) {
        self->run.acme_values += answers->at[i].count;
    }
    return changed;
}

/* Let the peers have the own document. */
static int
spread(struct locum_daemon *self)
{
    char buffer[LOCUM_CHALLENGE_BYTES_MAX + 1];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_challenges_add(self->acme.challenges, self->now, &text);
    LOCUM_INVARIANT(!text.truncated);
    return locum_daemon_documents_set(self, LOCUM_DOCUMENT_ACME, locum_slice_of(buffer));
}

/* Something is known or has ended: answer and keep it. False: it is not answered yet. */
static bool
follow(struct locum_daemon *self)
{
    if (refresh(self)) {
        locum_daemon_act_publish(self);
    }
    keep(self);
    return !self->run.publish_failed;
}

/* A peer has another document. It is acknowledged when it is answered. */
static bool
on_changed(void *user, locum_node owner)
{
    struct locum_daemon *self = user;
    const struct locum_slice text = locum_daemon_documents_get(self, LOCUM_DOCUMENT_ACME, owner);
    if (!locum_challenges_take(self->acme.challenges, owner, text,
                               self->core.view.peer[owner].wall_offset, self->now)) {
        LOCUM_LOG(LOCUM_LOG_WARN, "acme", "peer", self->config->core.nodes[owner].name, "reason",
                  "its values of ACME challenges cannot be read, so this node keeps those that it "
                  "knew: run the same version of Locum on all nodes");
        return false;
    }
    return follow(self);
}

int
locum_acme_create(struct locum_daemon *self)
{
    const struct locum_daemon_documents_user user = {.changed = on_changed, .user = self};
    char *buffer = malloc(LOCUM_STATE_ACME_BYTES_MAX);
    self->acme.challenges = locum_challenges_create();
    self->acme.notes = calloc(LOCUM_ACME_NOTES_MAX, sizeof(*self->acme.notes));
    self->acme.next = LOCUM_NEVER;
    int status = buffer == NULL || self->acme.challenges == NULL || self->acme.notes == NULL
                     ? LOCUM_ERR_MEMORY
                     : find_names(self);
    if (status == 0) {
        (void)(resume(self, true, buffer) || resume(self, false, buffer));
        (void)refresh(self); /* the first publication follows */
    }
    if (status == 0 && self->acme.any) {
        /* Also an empty one: the peers may have more of the run before. */
        status = spread(self);
    }
    locum_daemon_documents_subscribe(self, LOCUM_DOCUMENT_ACME, &user);
    free(buffer);
    return status;
}

void
locum_acme_destroy(struct locum_daemon *self)
{
    while (self->acme.waits != NULL) {
        struct locum_acme_wait *wait = self->acme.waits;
        self->acme.waits = wait->next;
        free(wait);
    }
    locum_challenges_destroy(self->acme.challenges);
    free(self->acme.answers);
    free(self->acme.notes);
    self->acme = (struct locum_acme){.next = LOCUM_NEVER};
}

void
locum_acme_reconfigure(struct locum_daemon *self, const struct locum_config *old)
{
    locum_node to[LOCUM_NODES_MAX];
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        to[i] = i < old->core.node_count
                    ? locum_nodes_find(&self->config->core, locum_slice_of(old->core.nodes[i].name))
                    : LOCUM_NODE_NONE;
    }
    locum_challenges_move(self->acme.challenges, to);
    if (find_names(self) != 0) {
        LOCUM_LOG(LOCUM_LOG_ERR, "acme", "reason", "out of memory", "effect",
                  "no value of an ACME challenge can be set before the next reload");
    }
    free(self->acme.answers); /* names may have other numbers */
    self->acme.answers = NULL;
    (void)refresh(self);
    self->acme.spread_wanted = true;
}

/* "*.Get.example.org." -> "_acme-challenge.get.example.org." False: it is too long. */
static bool
make_owner(const char *written, char ret[LOCUM_DOMAIN_MAX + 1])
{
    const size_t label = strlen(LOCUM_ACME_CHALLENGE_LABEL) + 1;
    if (strncasecmp(written, LOCUM_ACME_CHALLENGE_LABEL ".", label) == 0) {
        written += label;
    }
    written += written[0] == '*' && written[1] == '.' ? 2 : 0;
    const size_t length = strlen(written);
    const bool dot = length > 0 && written[length - 1] == '.';
    const bool fits = locum_text_format_buffer(
        ret, LOCUM_DOMAIN_MAX + 1, LOCUM_ACME_CHALLENGE_LABEL ".%s%s", written, dot ? "" : ".");
    for (char *c = ret; *c != '\0'; c++) {
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
    }
    return fits;
}

int
locum_acme_find(const struct locum_daemon *self, const char *written, struct locum_acme_name *ret,
                struct locum_text *ret_why)
{
    const struct locum_config *config = self->config;
    char owner[LOCUM_DOMAIN_MAX + 1];
    const bool fits = make_owner(written, owner);
    const char *base = owner + strlen(LOCUM_ACME_CHALLENGE_LABEL) + 1;
    const size_t place = fits ? place_of(self, base) : self->acme.sorted_count;
    if (place < self->acme.sorted_count &&
        strcmp(base_of(config, self->acme.sorted[place]), base) == 0) {
        const size_t name = self->acme.sorted[place];
        if (!self->acme.on[name]) {
            locum_text_format(ret_why,
                              "%s: a static record has this name, or hides it, so dns-01 is off "
                              "there; see locum check",
                              owner);
            return LOCUM_ERR_DENIED;
        }
        *ret = (struct locum_acme_name){.zone = config->names[name].zone};
        (void)strcpy(ret->owner, owner);
        return 0;
    }
    locum_text_add_escaped(ret_why, written, strnlen(written, LOCUM_DOMAIN_MAX));
    locum_text_add(ret_why, self->acme.any
                                ? " is not a shared or owned name of a zone with acme: locum "
                                  "status lists the names"
                                : ": no zone has acme; add `acme: {}` to the zone on every node, "
                                  "then run `locum reload`");
    return LOCUM_ERR_NOT_FOUND;
}

size_t
locum_acme_values(const struct locum_daemon *self, const struct locum_acme_name *name,
                  const char *ret_values[LOCUM_CHALLENGE_VALUES_MAX])
{
    return locum_challenges_at(self->acme.challenges, name->owner, self->now, ret_values);
}

void
locum_acme_begin(struct locum_daemon *self)
{
    locum_challenges_begin(self->acme.challenges);
    self->acme.note_count = 0;
}

void
locum_acme_abort(struct locum_daemon *self)
{
    locum_challenges_abort(self->acme.challenges);
    self->acme.note_count = 0;
}

/* For an event at commit. */
static void
note(struct locum_daemon *self, const struct locum_acme_name *name, bool removed,
     const char *client)
{
    struct locum_acme_note *to = &self->acme.notes[self->acme.note_count++];
    *to = (struct locum_acme_note){.name = *name, .removed = removed};
    (void)locum_text_format_buffer(to->client, sizeof(to->client), "%s", client);
}

int
locum_acme_set(struct locum_daemon *self, const struct locum_acme_name *name, const char *value,
               locum_ms for_ms, const char *client)
{
    if (self->acme.note_count == LOCUM_ACME_NOTES_MAX) {
        return LOCUM_ERR_SPACE;
    }
    const int status =
        locum_challenges_set(self->acme.challenges, name->owner, value, client, for_ms, self->now);
    if (status == 0) {
        note(self, name, false, client);
    }
    return status;
}

int
locum_acme_unset(struct locum_daemon *self, const struct locum_acme_name *name, const char *value,
                 const char *client)
{
    if (self->acme.note_count == LOCUM_ACME_NOTES_MAX) {
        return LOCUM_ERR_SPACE;
    }
    const int removed =
        locum_challenges_unset(self->acme.challenges, name->owner, value, self->now);
    if (removed > 0) {
        note(self, name, true, client);
    }
    return removed;
}

int
locum_acme_unset_own(struct locum_daemon *self, const struct locum_acme_name *name,
                     const char *client, const char *value, size_t kept)
{
    if (self->acme.note_count == LOCUM_ACME_NOTES_MAX) {
        return LOCUM_ERR_SPACE;
    }
    const int removed = locum_challenges_unset_own(self->acme.challenges, name->owner, client,
                                                   value, kept, self->now);
    if (removed > 0) {
        note(self, name, true, client);
    }
    return removed;
}

bool
locum_acme_is_replay(const struct locum_daemon *self, const uint8_t *mac)
{
    return locum_challenges_has_mac(self->acme.challenges, mac, self->now);
}

int
locum_acme_note_update(struct locum_daemon *self, const uint8_t *mac, locum_ms for_ms)
{
    return locum_challenges_note_mac(self->acme.challenges, mac, for_ms, self->now);
}

const char *
locum_acme_error_text(int error)
{
    switch (error) {
    case LOCUM_ERR_INVALID:
        return "a value has 1 to 255 visible ASCII characters without \" and \\, and stays at "
               "most 24h";
    case LOCUM_ERR_RANGE:
        return "the name has 8 other values already; remove one with locum acme unset";
    case LOCUM_ERR_SPACE:
        return "this node has taken too many values of late; remove some with locum acme unset, "
               "or wait until they expire";
    default: return locum_error_text(error);
    }
}

locum_nodes
locum_acme_missing(const struct locum_daemon *self)
{
    const struct locum_core_config *config = &self->config->core;
    const bool fails =
        self->run.publish_failed && config->nodes[config->self].role == LOCUM_ROLE_SERVER;
    locum_nodes missing = fails ? locum_nodes_of(config->self) : 0;
    for (locum_node node = 0; node < config->node_count; node++) {
        if (node != config->self && config->nodes[node].role == LOCUM_ROLE_SERVER &&
            self->core.detector.peer[node].condition != LOCUM_DOWN &&
            !locum_documents_is_acknowledged(self->documents.carrier, LOCUM_DOCUMENT_ACME, node)) {
            missing |= locum_nodes_of(node);
        }
    }
    return missing;
}

static void
emit_notes(struct locum_daemon *self)
{
    for (size_t i = 0; i < self->acme.note_count; i++) {
        const struct locum_acme_note *of = &self->acme.notes[i];
        char name[LOCUM_DOMAIN_MAX + 1];
        locum_daemon_act_emit(self, LOCUM_EVENT_ACME, name_text(&of->name, name),
                              of->removed ? "unset" : "set", of->client);
    }
    self->acme.note_count = 0;
}

int
locum_acme_commit(struct locum_daemon *self, locum_ms wait_ms, locum_acme_done_fn *done, void *user,
                  struct locum_acme_wait **ret_wait)
{
    struct locum_acme_wait *wait = malloc(sizeof(*wait));
    struct locum_acme_wait **end = &self->acme.waits;
    if (wait == NULL || spread(self) != 0) {
        free(wait);
        locum_acme_abort(self);
        return LOCUM_ERR_MEMORY;
    }
    *wait = (struct locum_acme_wait){.done = done, .user = user, .until = self->now.mono + wait_ms};
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = wait;
    emit_notes(self);
    (void)follow(self); /* if it cannot be answered now, this node is missing too */
    if (ret_wait != NULL) {
        *ret_wait = wait;
    }
    return 0;
}

void
locum_acme_cancel(struct locum_acme_wait *wait)
{
    if (wait != NULL) {
        wait->done = NULL;
    }
}

/* Call those for whom the wait is over. A new one of theirs is looked at in the next iteration. */
static void
end_waits(struct locum_daemon *self)
{
    struct locum_acme_wait *list = self->acme.waits;
    struct locum_acme_wait *kept = NULL, **end = &kept;
    const locum_nodes missing = list != NULL ? locum_acme_missing(self) : 0;
    self->acme.waits = NULL;
    while (list != NULL) {
        struct locum_acme_wait *wait = list;
        list = wait->next;
        wait->next = NULL;
        if (missing != 0 && self->now.mono < wait->until) {
            *end = wait;
            end = &wait->next;
            continue;
        }
        if (missing != 0) {
            char nodes[LOCUM_NODES_MAX * (LOCUM_NODE_NAME_MAX + 1)];
            struct locum_text text = locum_text_init(nodes, sizeof(nodes));
            locum_nodes_add(&text, &self->config->core, missing);
            locum_daemon_act_emit(self, LOCUM_EVENT_ACME_LATE, nodes,
                                  "no acknowledgement in time; the value goes on being sent", NULL);
        }
        if (wait->done != NULL) {
            wait->done(wait->user, &(struct locum_acme_outcome){.missing = missing});
        }
        free(wait);
    }
    *end = self->acme.waits;
    self->acme.waits = kept;
}

void
locum_acme_look(struct locum_daemon *self)
{
    if (self->acme.next != LOCUM_NEVER && self->now.boot >= self->acme.next) {
        (void)follow(self);
        self->acme.spread_wanted = true;
    }
    self->acme.spread_wanted =
        locum_challenges_own_changed(self->acme.challenges) || self->acme.spread_wanted;
    if (self->acme.spread_wanted && self->acme.any) {
        self->acme.spread_wanted = spread(self) != 0; /* out of memory: the next time */
    }
    end_waits(self);
}

locum_ms
locum_acme_next_ms(const struct locum_daemon *self)
{
    if (self->acme.next == LOCUM_NEVER) {
        return LOCUM_NEVER;
    }
    const locum_ms left = self->acme.next - self->now.boot;
    return left > 0 ? left : 0;
}
