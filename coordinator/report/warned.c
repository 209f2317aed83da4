#include "report/warned.h"

#include "report/warnings.h"

void
locum_warned_init(struct locum_warned *self)
{
    self->shown = json_object();
    self->since = json_object();
}

void
locum_warned_fini(struct locum_warned *self)
{
    json_decref(self->shown);
    json_decref(self->since);
}

/* May there be another event about a warning that has begun? */
static bool
may_follow(const struct locum_warned *self, const char *key, locum_ms mono)
{
    const json_t *since = json_object_get(self->since, key);
    return !locum_warnings_is_limited(key) ||
           mono - json_integer_value(since) >= LOCUM_WARNED_LIMIT_MS;
}

void
locum_warned_update(struct locum_warned *self, json_t *warnings, locum_ms mono,
                    locum_warned_fn *emit, void *user)
{
    const char *key;
    json_t *text;
    void *next;
    json_object_foreach_safe(self->shown, next, key, text)
    {
        if (json_object_get(warnings, key) == NULL && may_follow(self, key, mono)) {
            emit(user, key, NULL);
            (void)json_object_del(self->since, key);
            (void)json_object_del(self->shown, key);
        }
    }
    json_object_foreach(warnings, key, text)
    {
        const json_t *shown = json_object_get(self->shown, key);
        if (locum_warnings_has_event(key) && !json_equal(text, shown) &&
            (shown == NULL || may_follow(self, key, mono))) {
            emit(user, key, json_string_value(text));
            (void)json_object_set_new(self->since, key, json_integer(mono));
            (void)json_object_set(self->shown, key, text);
        }
    }
}
