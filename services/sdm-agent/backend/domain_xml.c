#include "sdm-agent/backend/domain_xml.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"

/* What is being read; 'path' is that of the element, "/domain/devices/memory/target/size". */
struct reader {
    struct sdm_xml_domain *domain;
    GString *path;
    char unit[8];
    bool in_dimm;
};

static const char *attribute(const char **names, const char **values, const char *name)
{
    for (unsigned i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0) {
            return values[i];
        }
    }
    return NULL;
}

static unsigned number(const char *text)
{
    return text == NULL ? 0 : (unsigned)strtoul(text, NULL, 10);
}

static struct sdm_xml_dimm *last_dimm(const struct reader *reader)
{
    GArray *dimms = reader->domain->dimms;

    return &g_array_index(dimms, struct sdm_xml_dimm, dimms->len - 1);
}

static void begin_memory_device(struct reader *reader, const char *model)
{
    static const struct sdm_xml_dimm empty;

    reader->in_dimm = g_strcmp0(model, "dimm") == 0;
    if (reader->in_dimm || g_strcmp0(model, "nvdimm") == 0) {
        reader->domain->n_slots_used++;
    }
    if (reader->in_dimm) {
        g_array_append_val(reader->domain->dimms, empty);
    }
}

static void on_start(GMarkupParseContext *context, const char *element, const char **names,
                     const char **values, gpointer data, GError **error)
{
    struct reader *reader = data;
    const char *path;

    (void)context;
    (void)error;
    g_string_append_printf(reader->path, "/%s", element);
    path = reader->path->str;
    g_strlcpy(reader->unit, "KiB", sizeof reader->unit);
    if (attribute(names, values, "unit") != NULL) {
        g_strlcpy(reader->unit, attribute(names, values, "unit"), sizeof reader->unit);
    }
    if (strcmp(path, "/domain") == 0) {
        const char *id = attribute(names, values, "id");

        reader->domain->id = id != NULL ? atoi(id) : -1;
    } else if (strcmp(path, "/domain/maxMemory") == 0) {
        reader->domain->n_slots = number(attribute(names, values, "slots"));
    } else if (strcmp(path, "/domain/devices/memory") == 0) {
        begin_memory_device(reader, attribute(names, values, "model"));
    } else if (strcmp(path, "/domain/devices/memballoon") == 0) {
        const char *model = attribute(names, values, "model");

        reader->domain->has_balloon = g_strcmp0(model, "none") != 0;
    } else if (strcmp(path, "/domain/devices/memballoon/stats") == 0) {
        reader->domain->stats_period_s = number(attribute(names, values, "period"));
    } else if (reader->in_dimm && strcmp(path, "/domain/devices/memory/alias") == 0) {
        const char *name = attribute(names, values, "name");

        g_strlcpy(last_dimm(reader)->alias, name != NULL ? name : "",
                  sizeof last_dimm(reader)->alias);
    }
}

static void on_end(GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
    struct reader *reader = data;

    (void)context;
    (void)error;
    g_string_truncate(reader->path, reader->path->len - strlen(element) - 1);
}

static bool read_size(const struct reader *reader, const char *text, uint64_t *size_bytes,
                      GError **error)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {{"b", 1},
                 {"bytes", 1},
                 {"KB", 1000},
                 {"k", 1024},
                 {"KiB", 1024},
                 {"MB", 1000000},
                 {"M", 1 << 20},
                 {"MiB", 1 << 20},
                 {"GB", 1000000000},
                 {"G", 1 << 30},
                 {"GiB", 1 << 30},
                 {"T", UINT64_C(1) << 40},
                 {"TiB", UINT64_C(1) << 40}};
    char *end;
    uint64_t value = g_ascii_strtoull(text, &end, 10);

    for (unsigned i = 0; i < G_N_ELEMENTS(units); i++) {
        if (strcmp(units[i].name, reader->unit) == 0 && end != text &&
            value <= (UINT64_C(1) << 60) / units[i].bytes) {
            *size_bytes = value * units[i].bytes;
            return true;
        }
    }
    return sdm_fail(error, "domain has '%.32s' of unit '%s' at %s", text, reader->unit,
                    reader->path->str);
}

static void on_text(GMarkupParseContext *context, const char *text, gsize size, gpointer data,
                    GError **error)
{
    struct reader *reader = data;
    struct sdm_xml_domain *domain = reader->domain;
    const char *path = reader->path->str;
    g_autofree char *value = g_strndup(text, size);

    (void)context;
    if (strcmp(path, "/domain/name") == 0) {
        g_strlcpy(domain->name, value, sizeof domain->name);
    } else if (strcmp(path, "/domain/uuid") == 0) {
        g_strlcpy(domain->uuid, value, sizeof domain->uuid);
    } else if (strcmp(path, "/domain/memory") == 0) {
        read_size(reader, value, &domain->memory_bytes, error);
    } else if (strcmp(path, "/domain/currentMemory") == 0) {
        read_size(reader, value, &domain->current_memory_bytes, error);
    } else if (strcmp(path, "/domain/maxMemory") == 0) {
        read_size(reader, value, &domain->max_memory_bytes, error);
    } else if (reader->in_dimm && strcmp(path, "/domain/devices/memory/target/size") == 0) {
        read_size(reader, value, &last_dimm(reader)->size_bytes, error);
    } else if (reader->in_dimm && strcmp(path, "/domain/devices/memory/source/path") == 0) {
        g_strlcpy(last_dimm(reader)->path, value, sizeof last_dimm(reader)->path);
    }
}

bool sdm_xml_domain_read(const char *xml, struct sdm_xml_domain *domain, GError **error)
{
    static const GMarkupParser parser = {
        .start_element = on_start, .end_element = on_end, .text = on_text};
    struct reader reader = {.domain = domain, .path = g_string_new(NULL)};
    g_autoptr(GError) cause = NULL;
    GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, &reader, NULL);
    g_autofree char *text = NULL;
    bool done;

    domain->id = -1;
    domain->dimms = g_array_new(FALSE, TRUE, sizeof(struct sdm_xml_dimm));
    done = g_markup_parse_context_parse(context, xml, -1, &cause) &&
           g_markup_parse_context_end_parse(context, &cause);
    g_markup_parse_context_free(context);
    g_string_free(reader.path, TRUE);
    /* The name becomes that of a folder; libvirt gives none with '/'. */
    if (done && sdm_uuid_is_valid(domain->uuid) && domain->name[0] != '\0' &&
        strchr(domain->name, '/') == NULL) {
        return true;
    }
    sdm_xml_domain_clear(domain);
    /* It may quote what is no UTF-8. */
    text = g_utf8_make_valid(cause != NULL ? cause->message : "no name or UUID", -1);
    return sdm_fail(error, "domain XML: %s", text);
}

void sdm_xml_domain_clear(struct sdm_xml_domain *domain)
{
    if (domain->dimms != NULL) {
        g_array_unref(domain->dimms);
    }
    memset(domain, 0, sizeof *domain);
}

char *sdm_xml_domain_folder(const struct sdm_xml_domain *domain)
{
    /* virDomainDefGetShortName() of libvirt. */
    g_autofree char *name =
        g_utf8_substring(domain->name, 0, MIN(20, g_utf8_strlen(domain->name, -1)));

    return g_strdup_printf("%d-%s", domain->id, name);
}

char *sdm_xml_dimm_write(const char *alias, uint64_t size_bytes)
{
    return g_markup_printf_escaped("<memory model='dimm' access='shared'>"
                                   "<target><size unit='b'>%" G_GUINT64_FORMAT
                                   "</size><node>0</node></target>"
                                   "<alias name='%s'/>"
                                   "</memory>",
                                   size_bytes, alias);
}
