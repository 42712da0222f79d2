/* Texts of an image, which is untrusted: docs/IMAGE.md, section 3. */
#ifndef MMF_TEXT_H
#define MMF_TEXT_H

#include <stdbool.h>

#include "cbor-reader.h"

bool mmf_is_utf8(struct mmf_span text);

/* 1 … 64 bytes of UTF-8 that leave a terminal as it is. */
bool mmf_is_name(struct mmf_span text);

/* 1 … 64 characters of a decimal number. */
bool mmf_is_decimal(struct mmf_span text);

/* `mmfree/` and a version, at most 64 characters. */
bool mmf_is_packer(struct mmf_span text);

/* F32, F16, BF16, or several in this order, joined by +. */
bool mmf_is_dtypes(struct mmf_span text);

#endif
