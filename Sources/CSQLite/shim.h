#pragma once
#include <sqlite3.h>
#include "rows.h"

// SQLITE_STATIC is a cast, which Swift does not import: the bytes stay where they are until the statement is reset.
static inline int sluice_sqlite_bind_text(sqlite3_stmt *statement, int place, const unsigned char *text, sqlite3_uint64 count) {
  return sqlite3_bind_text64(statement, place, (const char *)text, count, SQLITE_STATIC, SQLITE_UTF8);
}
