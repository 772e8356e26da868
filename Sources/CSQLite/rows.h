#pragma once
#include <sqlite3.h>
#include <stdint.h>
#include <string.h>

// The rows of a block as a table, sluice_rows, that an INSERT … SELECT reads (sqlite.org/vtab.html). So one statement takes a whole block:
// a statement for each row opens the table anew and looks for its end.
//
// A row is as SQLiteRows.swift writes it: for each value its kind (0 NULL, 1 integer, 2 double, 3 text, 4 blob) and its bytes. An INSERT reads
// a row's values in their order, so the place of the next value is all that is kept.

typedef struct {
  // The block, which its owner keeps until the statement is reset: the ends of rows (uint32_t, nowhere aligned), and the rows' bytes.
  const unsigned char *ends, *rows;
  int64_t row_count, length;
  // The row that is read, its next value, and the number of that.
  int64_t row;
  const unsigned char *at, *end;
  int column;
  // Whether the bytes were no rows.
  int is_damaged;
  // CREATE TABLE … with the columns.
  char *declaration;
} sluice_row_feed;

typedef struct {
  sqlite3_vtab base;
  sluice_row_feed *feed;
} sluice_rows_table;

static inline sluice_row_feed *sluice_rows_of(sqlite3_vtab_cursor *cursor) { return ((sluice_rows_table *)cursor->pVtab)->feed; }

static inline int sluice_rows_damaged(sluice_row_feed *feed) {
  feed->is_damaged = 1;
  return SQLITE_CORRUPT;
}

// Goes to the first value of the row.
static inline int sluice_rows_enter(sluice_row_feed *feed) {
  uint32_t start = 0, end;
  if (feed->row >= feed->row_count) return SQLITE_OK;
  if (feed->row > 0) memcpy(&start, feed->ends + (feed->row - 1) * 4, 4);
  memcpy(&end, feed->ends + feed->row * 4, 4);
  if (start > end || end > feed->length) return sluice_rows_damaged(feed);
  feed->at = feed->rows + start;
  feed->end = feed->rows + end;
  feed->column = 0;
  return SQLITE_OK;
}

static int sluice_rows_connect(sqlite3 *database, void *feed, int count, const char *const *words, sqlite3_vtab **out, char **error) {
  (void)count, (void)words, (void)error;
  int code = sqlite3_declare_vtab(database, ((sluice_row_feed *)feed)->declaration);
  if (code != SQLITE_OK) return code;
  sluice_rows_table *table = (sluice_rows_table *)sqlite3_malloc64(sizeof *table);
  if (!table) return SQLITE_NOMEM;
  memset(table, 0, sizeof *table);
  table->feed = (sluice_row_feed *)feed;
  *out = &table->base;
  return SQLITE_OK;
}

static int sluice_rows_plan(sqlite3_vtab *table, sqlite3_index_info *info) {
  (void)table;
  info->estimatedCost = 10000;
  return SQLITE_OK;
}

static int sluice_rows_disconnect(sqlite3_vtab *table) {
  sqlite3_free(table);
  return SQLITE_OK;
}

static int sluice_rows_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out) {
  (void)table;
  sqlite3_vtab_cursor *cursor = (sqlite3_vtab_cursor *)sqlite3_malloc64(sizeof *cursor);
  if (!cursor) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  *out = cursor;
  return SQLITE_OK;
}

static int sluice_rows_close(sqlite3_vtab_cursor *cursor) {
  sqlite3_free(cursor);
  return SQLITE_OK;
}

static int sluice_rows_filter(sqlite3_vtab_cursor *cursor, int plan, const char *text, int count, sqlite3_value **values) {
  (void)plan, (void)text, (void)count, (void)values;
  sluice_row_feed *feed = sluice_rows_of(cursor);
  feed->row = 0;
  return sluice_rows_enter(feed);
}

static int sluice_rows_next(sqlite3_vtab_cursor *cursor) {
  sluice_row_feed *feed = sluice_rows_of(cursor);
  feed->row++;
  return sluice_rows_enter(feed);
}

static int sluice_rows_is_over(sqlite3_vtab_cursor *cursor) {
  sluice_row_feed *feed = sluice_rows_of(cursor);
  return feed->row >= feed->row_count;
}

static int sluice_rows_id(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out) {
  *out = sluice_rows_of(cursor)->row;
  return SQLITE_OK;
}

static int sluice_rows_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int wanted) {
  sluice_row_feed *feed = sluice_rows_of(cursor);
  if (wanted < feed->column) {
    int code = sluice_rows_enter(feed);
    if (code != SQLITE_OK) return code;
  }
  for (;;) {
    const unsigned char *at = feed->at;
    int64_t room = feed->end - at, size;
    if (room < 1) return sluice_rows_damaged(feed);
    unsigned char kind = *at;
    uint32_t count = 0;
    if (kind == 0) {
      size = 1;
    } else if (kind < 3) {
      size = 9;
    } else {
      if (kind > 4 || room < 5) return sluice_rows_damaged(feed);
      memcpy(&count, at + 1, 4);
      size = 5 + (int64_t)count;
    }
    if (size > room) return sluice_rows_damaged(feed);
    feed->at = at + size;
    if (feed->column++ < wanted) continue;
    int64_t integer;
    double number;
    // Texts stay where they are until the statement is reset (SQLITE_STATIC).
    switch (kind) {
    case 0: sqlite3_result_null(context); break;
    case 1: memcpy(&integer, at + 1, 8); sqlite3_result_int64(context, integer); break;
    case 2: memcpy(&number, at + 1, 8); sqlite3_result_double(context, number); break;
    case 3: sqlite3_result_text64(context, (const char *)at + 5, count, SQLITE_STATIC, SQLITE_UTF8); break;
    default: sqlite3_result_blob64(context, at + 5, count, SQLITE_STATIC); break;
    }
    return SQLITE_OK;
  }
}

static void sluice_rows_free(void *feed) {
  sqlite3_free(((sluice_row_feed *)feed)->declaration);
  sqlite3_free(feed);
}

// Makes the table sluice_rows of a connection. The feed is the connection's, and gone with sluice_sqlite_drop_rows.
static inline int sluice_sqlite_make_rows(sqlite3 *database, const char *declaration, sluice_row_feed **out) {
  static const sqlite3_module module = {
    // Without xCreate the table is there under its module's name, and CREATE VIRTUAL TABLE makes no other.
    .xConnect = sluice_rows_connect, .xBestIndex = sluice_rows_plan, .xDisconnect = sluice_rows_disconnect,
    .xOpen = sluice_rows_open, .xClose = sluice_rows_close, .xFilter = sluice_rows_filter, .xNext = sluice_rows_next,
    .xEof = sluice_rows_is_over, .xColumn = sluice_rows_column, .xRowid = sluice_rows_id,
  };
  sluice_row_feed *feed = (sluice_row_feed *)sqlite3_malloc64(sizeof *feed);
  if (!feed) return SQLITE_NOMEM;
  memset(feed, 0, sizeof *feed);
  feed->declaration = sqlite3_mprintf("%s", declaration);
  if (!feed->declaration) {
    sqlite3_free(feed);
    return SQLITE_NOMEM;
  }
  *out = feed;
  // SQLite frees the feed where this fails, too.
  return sqlite3_create_module_v2(database, "sluice_rows", &module, feed, sluice_rows_free);
}

static inline void sluice_sqlite_drop_rows(sqlite3 *database) { sqlite3_create_module_v2(database, "sluice_rows", 0, 0, 0); }
