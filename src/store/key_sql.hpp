// Stored credentials in both databases: statements, and what their rows mean. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/key_directory.hpp"

namespace marquee::store {

// $1 the hash.
std::string api_key_sql(bool postgres);
// $1 the hash, of PostgreSQL; $1 the prefix, of SQLite, which has no SHA-256: there the
// key itself stands in the hash's column, and several rows may be found.
std::string consumer_sql(bool postgres);
// $1 site, $2 module.
std::string embed_token_sql(bool postgres);

// The columns of one row, in the order of the statements; nothing is SQL NULL.
using KeyColumns = std::vector<std::optional<std::string_view>>;
identity::ApiKeyRecord make_api_key(const KeyColumns& row);
identity::ConsumerRecord make_consumer(const KeyColumns& row);
identity::EmbedTokenRecord make_embed_token(const KeyColumns& row);

}  // namespace marquee::store
