#pragma once
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
// PCRE2's names are macros over the code unit width, which Swift does not import.
typedef pcre2_code_8 sluice_regex;
typedef pcre2_match_data_8 sluice_regex_match;
