#include "nsd-adapter/names.h"

#include <string.h>

#include "base/file.h"
#include "base/text_format.h"
#include "config/domain.h"

enum { FILE_BYTES = sizeof(((struct locum_nsd_names *)NULL)->at) + 1 };

static void
add(struct locum_nsd_names *self, struct locum_slice name)
{
    const char *why;
    if (self->count < LOCUM_ZONES_MAX &&
        locum_domain_absolute(name, self->at[self->count], &why) == 0) {
        self->count++;
    }
}

void
locum_nsd_names_find(struct locum_nsd_names *self, const struct locum_nsd_settings *settings,
                     const json_t *status)
{
    char path[LOCUM_PATH_MAX + 1];
    char kept[FILE_BYTES];
    struct locum_slice rest = {.at = kept};
    struct locum_slice line;
    const json_t *zones = json_object_get(status, "zones");
    const json_t *zone;
    size_t i;
    memset(self, 0, sizeof(*self));
    (void)locum_text_format_buffer(path, sizeof(path), "%s/zone.list", settings->state_dir);
    if (settings->zone[0] != '\0') {
        add(self, locum_slice_of(settings->zone));
    } else if (zones != NULL) {
        json_array_foreach(zones, i, zone)
        {
            const char *name = json_string_value(json_object_get(zone, "name"));
            add(self, locum_slice_of(name != NULL ? name : ""));
        }
    } else if (locum_file_read(path, kept, sizeof(kept), &rest.length, NULL, NULL) == 0) {
        while (rest.at != NULL && locum_slice_cut(&rest, '\n', &line)) {
            add(self, line);
        }
    }
}

int
locum_nsd_names_keep(const struct locum_nsd_names *self, const struct locum_nsd_settings *settings)
{
    char path[LOCUM_PATH_MAX + 1];
    char temp[LOCUM_PATH_MAX + 1];
    char buffer[FILE_BYTES];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    (void)locum_text_format_buffer(path, sizeof(path), "%s/zone.list", settings->state_dir);
    (void)locum_text_format_buffer(temp, sizeof(temp), "%s~", path);
    for (size_t i = 0; i < self->count; i++) {
        locum_text_format(&text, "%s\n", self->at[i]);
    }
    return locum_file_replace(path, temp, buffer, text.length, 0644);
}
