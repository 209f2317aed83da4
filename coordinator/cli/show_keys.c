/* GET /keys as a table for each zone. */
#include "cli/show.h"

/* A line for each server of a key. */
static void
add_key(FILE *cells, const json_t *key)
{
    size_t i;
    const json_t *server;
    json_array_foreach(json_object_get(key, "servers"), i, server)
    {
        const bool published = json_is_true(json_object_get(server, "published"));
        const bool signing = json_is_true(json_object_get(server, "signing"));
        locum_print_json(cells, key, "{tag}\t{flags}\t{algorithm}\t");
        locum_print_json(cells, server, "{server}\t");
        locum_print_json(cells, server, published ? "{published_since}\t" : "no\t");
        locum_print_json(cells, server, signing ? "{signing_since}\t" : "no\t");
        (void)fputs(json_is_true(json_object_get(server, "cds")) ? "yes\t" : "no\t", cells);
        (void)fputs(json_is_true(json_object_get(server, "ds")) ? "yes\t\n" : "no\t\n", cells);
    }
}

static void
show_zone(const json_t *zone, const struct locum_print *print)
{
    struct locum_print_table table;
    size_t i;
    const json_t *key;
    const json_t *keys = json_object_get(zone, "keys");
    locum_print_json(print->out, zone,
                     "zone {zone}: CDS {cds}, the parent answered {parent_answered}\n");
    if (locum_print_table_open(&table)) {
        (void)fputs("KEY\tFLAGS\tALGORITHM\tSERVER\tPUBLISHED\tSIGNING\tCDS\tDS\n", table.cells);
        json_array_foreach(keys, i, key)
        {
            add_key(table.cells, key);
        }
        locum_print_table_close(&table, print, 0);
    }
    json_array_foreach(keys, i, key)
    {
        locum_print_json(print->out, key, "key {tag}: {next}\n");
    }
}

void
locum_show_keys(const json_t *keys, const struct locum_print *print)
{
    size_t i;
    const json_t *zone;
    json_array_foreach(json_object_get(keys, "zones"), i, zone)
    {
        if (i > 0) {
            (void)fputc('\n', print->out);
        }
        show_zone(zone, print);
    }
    if (i == 0) {
        (void)fputs("no zone is signed here\n", print->out);
    }
}
