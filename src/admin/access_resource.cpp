#include "admin/access_resource.hpp"

#include <boost/json.hpp>
#include <memory>

#include "identity/key_directory.hpp"
#include "identity/stored_proof.hpp"

namespace marquee::admin {
namespace {

namespace json = boost::json;
using Parts = std::shared_ptr<const AccessParts>;

struct Wish {
  std::optional<identity::Digest> which;  // nothing: all
  bool local = false;
};

std::optional<Wish> read_wish(const Request& request) {
  boost::system::error_code error;
  const json::value body = json::parse(request.body, error);
  const json::object* const object = error ? nullptr : body.if_object();
  if (!object || object->size() != 1) return std::nullopt;
  const json::string_view name = object->begin()->key();
  const json::value& value = object->begin()->value();
  if (name == "all" && value.is_bool() && value.as_bool()) return Wish{{}, request.local};
  if (name != "sha256" || !value.is_string()) return std::nullopt;
  const json::string& hex = value.as_string();
  const auto digest = identity::digest_of_hex({hex.data(), hex.size()});
  if (!digest) return std::nullopt;
  return Wish{digest, request.local};
}

void answer(const Wish& wish, const char* nodes, const Respond& respond) {
  const std::string what = wish.which ? identity::lower_hex(*wish.which) : "all";
  respond({200,
           "application/json",
           json::serialize(json::object{{"forgotten", what}, {"nodes", nodes}}),
           {}});
}

void on_announced(const Parts& parts, const Wish& wish, const BookAnswer& written,
                  const Respond& respond) {
  const bool good = written.result == BookResult::done;
  parts->told(good ? ForgetResult::all_nodes : ForgetResult::not_told, !wish.which, wish.local);
  if (good) return answer(wish, "all", respond);
  const bool refused = written.result == BookResult::refused;
  Response out = problem_response(
      {refused ? 403u : 503u,
       "Forgotten on this node, but other nodes could not be told: " + written.sentence,
       {},
       {}});
  if (!refused) out.fields.emplace_back("Retry-After", "1");
  respond(std::move(out));
}

// This node first: it needs no database.
void forget(const Parts& parts, const Request& request, const Respond& respond) {
  const std::optional<Wish> wish = read_wish(request);
  // What came is not said again: it may be a credential.
  if (!wish)
    return respond(problem_response({422,
                                     "The body is {\"sha256\": \"...\"}, the SHA-256 of the "
                                     "credential in 64 hex digits, or {\"all\": true}.",
                                     {},
                                     {}}));
  parts->forget(wish->which, [parts, wish = *wish, respond] {
    DomainBook* const book = parts->book();
    if (!book) {
      parts->told(ForgetResult::this_node, !wish.which, wish.local);
      return answer(wish, "this", respond);
    }
    const std::string value =
        wish.which ? identity::lower_hex(*wish.which) : std::string(identity::kAnyCredential);
    book->announce_credential(value, [parts, wish, respond](const BookAnswer& written) {
      parts->post([parts, wish, written, respond] { on_announced(parts, wish, written, respond); });
    });
  });
}

}  // namespace

std::vector<Route> access_routes(AccessParts made) {
  const auto parts = std::make_shared<const AccessParts>(std::move(made));
  return {{"POST", "/v1/access:forget", [parts](const Request& request, const Respond& respond) {
             forget(parts, request, respond);
           }}};
}

}  // namespace marquee::admin
