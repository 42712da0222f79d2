#include "tokenizer.h"

#include "bytes.h"

#define NO_RANK UINT16_MAX /* nor are there so many */
#define NO_BYTE 256u
#define PAIRS_BETWEEN_BREATHS 8192u
/* Bytes that are no printable characters are written as U+0100 and those behind it: 0 … 32, 127 … 160, 173. */
#define FIRST_LATER 0x100u
#define LATER 68u

struct json {
  const uint8_t *at, *end;
  bool failed;
};

static void skip_blanks(struct json *json) {
  while (json->at < json->end && (*json->at == ' ' || *json->at == '\n' || *json->at == '\r' || *json->at == '\t')) json->at++;
}

static bool has(struct json *json, char mark) {
  skip_blanks(json);
  if (json->failed || json->at == json->end || *json->at != (uint8_t)mark) return false;
  json->at++;
  return true;
}

static void expect(struct json *json, char mark) {
  if (!has(json, mark)) json->failed = true;
}

/* What is between the quotes, with its escapes. */
static struct mmf_span string(struct json *json) {
  expect(json, '"');
  const uint8_t *first = json->at;
  for (; !json->failed && json->at < json->end; json->at++) {
    if (*json->at == '"') return (struct mmf_span){first, (uint32_t)(json->at++ - first)};
    if (*json->at == '\\' && ++json->at == json->end) break;
  }
  json->failed = true;
  return (struct mmf_span){first, 0};
}

/* A value of any kind; brackets are counted, not matched: what they hold is not looked at. */
static struct mmf_span value(struct json *json) {
  skip_blanks(json);
  const uint8_t *first = json->at;
  uint32_t depth = 0;
  do {
    skip_blanks(json);
    if (json->failed || json->at == json->end) {
      json->failed = true;
      break;
    }
    const uint8_t byte = *json->at;
    if (byte == '"') {
      string(json);
      continue;
    }
    json->at++;
    if (byte == '{' || byte == '[') depth++;
    if ((byte == '}' || byte == ']') && depth > 0) depth--;
    if (depth > 0) continue;
    /* A number, or a word. */
    while (json->at < json->end && *json->at >= '+' && *json->at != ',' && *json->at != ':' && *json->at != ']' && *json->at != '}') json->at++;
  } while (depth > 0);
  return (struct mmf_span){first, (uint32_t)(json->at - first)};
}

static struct json reader_of(struct mmf_span span) {
  return (struct json){span.bytes, span.bytes + span.length, false};
}

static void breathe(const struct mmf_tokenizer *tokenizer) {
  if (tokenizer->breathe != 0) tokenizer->breathe(tokenizer->context);
}

/* The value of a key of an object; an empty span if there is none. */
static struct mmf_span member(const struct mmf_tokenizer *tokenizer, struct mmf_span object, const char *key) {
  struct json json = reader_of(object);
  breathe(tokenizer);
  expect(&json, '{');
  while (!json.failed) {
    const struct mmf_span name = string(&json);
    expect(&json, ':');
    const struct mmf_span found = value(&json);
    if (json.failed) break;
    if (mmf_span_is(name, key)) return found;
    if (!has(&json, ',')) break;
  }
  return (struct mmf_span){object.bytes, 0};
}

static bool is_default(struct mmf_span span, const char *usual) {
  return span.length == 0 || mmf_span_is(span, usual);
}

bool mmf_tokenizer_open(struct mmf_tokenizer *tokenizer, struct mmf_span json) {
  const struct mmf_span model = member(tokenizer, json, "model"), cutter = member(tokenizer, json, "pre_tokenizer");
  tokenizer->vocab = member(tokenizer, model, "vocab");
  tokenizer->merges = member(tokenizer, model, "merges");
  tokenizer->adds_space = !mmf_span_is(member(tokenizer, cutter, "add_prefix_space"), "false");
  return mmf_span_is(member(tokenizer, model, "type"), "\"BPE\"") && is_default(member(tokenizer, model, "byte_fallback"), "false") &&
         is_default(member(tokenizer, model, "ignore_merges"), "false") && is_default(member(tokenizer, json, "normalizer"), "null") &&
         mmf_span_is(member(tokenizer, cutter, "type"), "\"ByteLevel\"") && is_default(member(tokenizer, cutter, "use_regex"), "true") &&
         mmf_span_is(member(tokenizer, member(tokenizer, json, "decoder"), "type"), "\"ByteLevel\"") && tokenizer->vocab.length > 0 &&
         tokenizer->merges.length > 0;
}

static uint32_t hex_digit(uint8_t digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  const uint8_t lower = digit | 32;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10u : 16;
}

/* The next character of a string, of which one below U+0180 is all that the alphabet needs. */
static uint32_t character(struct mmf_span *raw) {
  const uint8_t *at = raw->bytes, *end = at + raw->length;
  uint32_t found = *at++;
  if (found == '\\' && at < end) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const uint8_t name = *at++;
    found = NO_BYTE << 8;
    for (uint32_t index = 0; index < sizeof names - 1; index++) {
      if (name == (uint8_t)names[index]) found = (uint8_t)values[index];
    }
    if (name == 'u' && end - at >= 4) {
      found = 0;
      for (uint32_t digit = 0; digit < 4; digit++) found = found << 4 | hex_digit(*at++);
    }
  } else if (found >= 0xc2 && found <= 0xc5 && at < end) {
    found = (found & 31) << 6 | (*at++ & 63);
  } else if (found >= 0x80) {
    found = NO_BYTE << 8;
  }
  raw->bytes = at;
  raw->length = (uint32_t)(end - at);
  return found;
}

/* The byte that the next character of a token stands for. */
static uint32_t next_byte(struct mmf_span *raw) {
  const uint32_t found = character(raw), later = found - FIRST_LATER;
  if (found < FIRST_LATER) return found;
  if (later >= LATER) return NO_BYTE;
  return later < 33 ? later : later < 67 ? later + 127 - 33 : 173;
}

/* How many bytes; 0 if they are too many, or none. */
static uint32_t bytes_of(struct mmf_span raw, uint8_t *bytes) {
  uint32_t length = 0;
  while (raw.length > 0) {
    const uint32_t byte = next_byte(&raw);
    if (byte == NO_BYTE || length == MMF_MOST_TOKEN_BYTES) return 0;
    bytes[length++] = (uint8_t)byte;
  }
  return length;
}

static uint32_t number(struct json *json) {
  uint32_t found = 0;
  skip_blanks(json);
  if (json->at == json->end || *json->at < '0' || *json->at > '9') json->failed = true;
  for (; json->at < json->end && *json->at >= '0' && *json->at <= '9' && found < 1u << 24; json->at++) found = 10 * found + *json->at - '0';
  return found;
}

/* Tokens in the order of the file: false behind the last one. */
static bool next_token(struct json *json, struct mmf_span *name, uint32_t *token) {
  if (!has(json, '{') && !has(json, ',')) return false;
  *name = string(json);
  expect(json, ':');
  *token = number(json);
  return !json->failed;
}

uint32_t mmf_tokenizer_bytes(const struct mmf_tokenizer *tokenizer, uint32_t token, uint8_t *bytes) {
  struct json json = reader_of(tokenizer->vocab);
  struct mmf_span name;
  uint32_t found;
  while (next_token(&json, &name, &found)) {
    if (found == token) return bytes_of(name, bytes);
  }
  return 0;
}

/* A pair in the order of the file: ["a", "b"] or "a b". */
static bool next_merge(struct json *json, struct mmf_span pair[2]) {
  if (!has(json, '[') && !has(json, ',')) return false;
  if (has(json, '[')) {
    pair[0] = string(json);
    expect(json, ',');
    pair[1] = string(json);
    expect(json, ']');
    return !json->failed;
  }
  pair[0] = string(json);
  for (uint32_t at = 0; at < pair[0].length; at++) {
    if (pair[0].bytes[at] != ' ') continue;
    pair[1] = (struct mmf_span){pair[0].bytes + at + 1, pair[0].length - at - 1};
    pair[0].length = at;
    return !json->failed;
  }
  return false;
}

/* A text that is being joined: parts follow each other; one of length 0 has been joined to the one before. */
struct joining {
  uint8_t bytes[MMF_MOST_TEXT_BYTES];
  uint32_t length;
  uint8_t part[MMF_MOST_TEXT_BYTES];      /* its length */
  bool ends_word[MMF_MOST_TEXT_BYTES];    /* at its last byte */
  uint16_t rank[MMF_MOST_TEXT_BYTES];     /* of a part with the one behind it */
};

/* Ranks of the parts from `first` to `last` with those behind them. */
static void rank(const struct mmf_tokenizer *tokenizer, struct joining *joining, uint32_t first, uint32_t last) {
  struct json json = reader_of(tokenizer->merges);
  struct mmf_span pair[2];
  uint8_t both[2 * MMF_MOST_TOKEN_BYTES];
  for (uint32_t at = first; at <= last; at += joining->part[at]) joining->rank[at] = NO_RANK;
  for (uint32_t number = 0; number < NO_RANK && next_merge(&json, pair); number++) {
    if (number % PAIRS_BETWEEN_BREATHS == 0) breathe(tokenizer);
    const uint32_t left = bytes_of(pair[0], both), right = left > 0 ? bytes_of(pair[1], both + left) : 0;
    if (right == 0) continue;
    for (uint32_t at = first; at <= last; at += joining->part[at]) {
      const uint32_t behind = at + joining->part[at];
      if (joining->part[at] != left || behind >= joining->length || joining->part[behind] != right) continue;
      if (joining->ends_word[behind - 1] || joining->rank[at] != NO_RANK) continue;
      if (mmf_equal(joining->bytes + at, both, left + right)) joining->rank[at] = (uint16_t)number;
    }
  }
}

static uint32_t part_before(const struct joining *joining, uint32_t at) {
  uint32_t before = 0;
  for (uint32_t part = 0; part < at; part += joining->part[part]) before = part;
  return before;
}

/* The pair of the lowest rank, the first of several, until there is none. */
static void join(const struct mmf_tokenizer *tokenizer, struct joining *joining) {
  for (uint32_t at = 0; at < joining->length; at++) joining->part[at] = 1;
  rank(tokenizer, joining, 0, joining->length - 1);
  for (;;) {
    uint32_t best = 0;
    for (uint32_t at = 0; at < joining->length; at += joining->part[at]) {
      if (joining->rank[at] < joining->rank[best]) best = at;
    }
    if (joining->rank[best] == NO_RANK) return;
    joining->part[best] = (uint8_t)(joining->part[best] + joining->part[best + joining->part[best]]);
    rank(tokenizer, joining, part_before(joining, best), best);
  }
}

static bool is_letter(uint8_t byte) {
  return (byte | 32) >= 'a' && (byte | 32) <= 'z';
}

static bool is_digit(uint8_t byte) {
  return byte >= '0' && byte <= '9';
}

static bool is_blank(uint8_t byte) {
  return byte == ' ' || (byte >= 9 && byte <= 13);
}

static bool is_other(uint8_t byte) {
  return !is_letter(byte) && !is_digit(byte) && !is_blank(byte);
}

static uint32_t run_of(const uint8_t *text, uint32_t length, bool (*belongs)(uint8_t)) {
  uint32_t run = 0;
  while (run < length && belongs(text[run])) run++;
  return run;
}

/* Bytes of the first word of a text that is not empty, as GPT-2 cuts: model/text/words.ts. */
static uint32_t word_of(const uint8_t *text, uint32_t length) {
  static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
  static bool (*const kinds[])(uint8_t) = {is_letter, is_digit, is_other};
  for (uint32_t ending = 0; text[0] == '\'' && ending < sizeof endings / sizeof *endings; ending++) {
    const uint32_t size = endings[ending][1] == 0 ? 1 : 2;
    if (length > size && mmf_equal(text + 1, endings[ending], size)) return 1 + size;
  }
  const uint32_t space = text[0] == ' ' && length > 1 ? 1 : 0;
  for (uint32_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
    const uint32_t run = run_of(text + space, length - space, kinds[kind]);
    if (run > 0) return space + run;
  }
  /* The last blank in front of a word belongs to it. */
  const uint32_t blanks = run_of(text, length, is_blank);
  return blanks > 1 && blanks < length ? blanks - 1 : blanks;
}

uint32_t mmf_tokenizer_encode(const struct mmf_tokenizer *tokenizer, const uint8_t *text, uint32_t length, uint32_t vocab,
                              uint16_t *tokens) {
  struct joining joining;
  const uint32_t space = tokenizer->adds_space && text[0] != ' ' ? 1 : 0;
  if (length + space >= MMF_MOST_TEXT_BYTES) return 0;
  joining.bytes[0] = ' ';
  memcpy(joining.bytes + space, text, length);
  joining.length = length + space;
  for (uint32_t at = 0; at < joining.length; at++) {
    if (joining.bytes[at] > 127) return 0;
    joining.ends_word[at] = false;
  }
  for (uint32_t at = 0; at < joining.length;) {
    at += word_of(joining.bytes + at, joining.length - at);
    joining.ends_word[at - 1] = true;
  }
  join(tokenizer, &joining);
  uint32_t count = 0;
  for (uint32_t at = 0; at < joining.length; at += joining.part[at]) {
    struct json json = reader_of(tokenizer->vocab);
    struct mmf_span name;
    uint32_t token;
    uint8_t bytes[MMF_MOST_TOKEN_BYTES];
    bool is_found = false;
    breathe(tokenizer);
    while (!is_found && next_token(&json, &name, &token)) {
      is_found = token < vocab && bytes_of(name, bytes) == joining.part[at] && mmf_equal(bytes, joining.bytes + at, joining.part[at]);
    }
    if (!is_found) return 0;
    tokens[count++] = (uint16_t)token;
  }
  return count;
}
