#include "store/call_json.hpp"

#include <boost/json.hpp>

namespace marquee::store {
namespace {

namespace json = boost::json;

json::object object_of(const identity::ApiCall& call) {
  json::object out{{"at", call.at_ms},
                   {"auth", json::string_view(name(call.auth))},
                   {"status", call.status},
                   {"ms", call.milliseconds}};
  const auto text = [&out](const char* key, std::string_view value) {
    if (!value.empty()) out[key] = json::string_view(value);
  };
  text("module", call.module);
  text("site", call.site);
  text("installation", call.installation);
  text("route", call.route);
  text("method", call.method);
  text("path", call.path);
  text("key", call.api_key);
  text("consumer", call.consumer);
  text("user", call.user);
  text("client", call.client);
  text("agent", call.user_agent);
  text("error", call.error);
  return out;
}

}  // namespace

std::string calls_json(const identity::CallBatch& batch) {
  json::array calls;
  for (const identity::ApiCall& call : batch.calls) calls.push_back(object_of(call));
  json::array keys;
  json::array consumers;
  for (const identity::Use& use : batch.uses)
    (use.of == identity::Use::Of::api_key ? keys : consumers)
        .push_back(json::object{{"id", use.id}, {"calls", use.calls}, {"last", use.last_ms}});
  return json::serialize(json::object{
      {"calls", std::move(calls)}, {"keys", std::move(keys)}, {"consumers", std::move(consumers)}});
}

}  // namespace marquee::store
