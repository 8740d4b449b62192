#include "admin/inspect_resource.hpp"

#include <boost/json.hpp>
#include <memory>

#include "admin/domain_query.hpp"
#include "admin/embedded.hpp"
#include "base/hostname.hpp"

namespace marquee::admin {
namespace {

constexpr std::size_t kMostUrl = 4096;

void flush(const InspectParts& parts, const Request& request, const Respond& respond) {
  boost::system::error_code error;
  const auto body = boost::json::parse(request.body, error);
  const auto* const object = error ? nullptr : body.if_object();
  const auto* const host = object ? object->if_contains("host") : nullptr;
  const std::string text =
      host && host->is_string() ? std::string(host->as_string().c_str()) : std::string();
  const bool wildcard = text.starts_with("*.");
  const auto name = wildcard ? base::parse_wildcard(text) : base::parse_hostname(text);
  if (!name || name.port >= 0 || (object && object->size() != 1))
    return respond(problem_response(
        {422, "The body is {\"host\": \"shop.example\"}, a name without a port.", "host", {}}));
  const std::string normal = (wildcard ? "*." : "") + name.name->string();
  const bool flushed = parts.flush(normal);
  respond({200,
           "application/json",
           boost::json::serialize(boost::json::object{{"host", normal}, {"flushed", flushed}}),
           {}});
}

void explain(const InspectParts& parts, const Request& request, const Respond& respond) {
  auto fields = parse_query(request.query, {"url", "method"});
  if (const auto* const problem = std::get_if<Problem>(&fields))
    return respond(problem_response(*problem));
  std::string url, method = "GET";
  for (const QueryField& field : std::get<0>(fields))
    (field.name == "url" ? url : method) = field.value;
  if (url.empty() || url.size() > kMostUrl)
    return respond(problem_response(
        {400,
         "url is missing or longer than 4096 bytes; write ?url=https%3A%2F%2Fshop.example%2F.",
         "url",
         {}}));
  if (method.empty() || method.size() > 32)
    return respond(problem_response({400, "method is a method such as GET.", "method", {}}));
  parts.explain(method, url, [respond](std::string json) {
    respond({200, "application/json", std::move(json), {}});
  });
}

}  // namespace

std::vector<Route> inspect_routes(InspectParts made) {
  const auto parts = std::make_shared<const InspectParts>(std::move(made));
  return {
      {"POST", "/v1/cache/flush",
       [parts](const Request& request, const Respond& respond) {
         flush(*parts, request, respond);
       }},
      {"GET", "/v1/explain",
       [parts](const Request& request, const Respond& respond) {
         explain(*parts, request, respond);
       }},
      {"GET", "/v1/openapi.json",
       [](const Request&, const Respond& respond) {
         for (const EmbeddedFile& file : embedded_files())
           if (file.name == "openapi.json")
             return respond({200, "application/json", std::string(file.text), {}});
         respond(problem_response({404, "It was left out of this program.", {}, {}}));
       }},
  };
}

}  // namespace marquee::admin
