#include "admin/domain_resource.hpp"

#include <boost/json.hpp>

#include "admin/domain_input.hpp"
#include "admin/domain_json.hpp"
#include "admin/entity_tag.hpp"

namespace marquee::admin {
namespace {

namespace json = boost::json;
using Parts = std::shared_ptr<const DomainParts>;

// What goes on after an answer of the book, which comes by a thread of its own.
template <typename Function>
auto on_control(const Parts& parts, Function function) {
  const auto shared = std::make_shared<Function>(std::move(function));
  return [parts, shared](auto answer) {
    const auto held = std::make_shared<decltype(answer)>(std::move(answer));
    parts->post([shared, held] { (*shared)(std::move(*held)); });
  };
}

Problem problem_of(const BookAnswer& answer) {
  const auto status = [&answer] {
    switch (answer.result) {
      case BookResult::done:
      case BookResult::unchanged:
        return 200u;
      case BookResult::taken:
        return 409u;
      case BookResult::invalid:
        return 422u;
      case BookResult::gone:
        return 404u;
      case BookResult::changed:
        return 412u;
      case BookResult::refused:
        return 403u;
      case BookResult::unavailable:
        return 503u;
    }
    return 503u;
  }();
  Problem out{status, answer.sentence, answer.field, {}};
  if (answer.result == BookResult::taken && !answer.id.empty())
    out.more.emplace_back("existing", answer.id);
  return out;
}

Response failed(const BookAnswer& answer) {
  Response out = problem_response(problem_of(answer));
  if (out.status == 503) out.fields.emplace_back("Retry-After", "1");
  return out;
}

Response failed(const base::Failure& failure) {
  if (failure.source == base::FailureSource::client)
    return problem_response(
        {400, "This is no cursor of this list; begin again without one.", "cursor", {}});
  return failed(BookAnswer{BookResult::unavailable, {}, {}, failure.sentence});
}

Problem no_book(const Parts& parts) {
  return {409,
          "Domains stand in " + parts->settings_file +
              " only: write it there and reload, or set directory.kind to sqlite or postgres.",
          {},
          {}};
}

Problem no_such_domain() {
  return {404,
          "There is no domain with this id; GET /v1/domains?host=NAME finds it by its name.",
          {},
          {}};
}

// --- lists ------------------------------------------------------------------

struct Page {
  std::vector<std::string> domains;
  routing::DirectoryRules rules;
};

void add_rows(Page& page, const std::vector<routing::DomainRecord>& rows, DomainSource source) {
  for (const routing::DomainRecord& row : rows)
    page.domains.push_back(domain_json(row, source, page.rules.states));
}

// How many of its domains may go out at once; at least one.
std::size_t fitting(const Page& page) {
  std::size_t bytes = 0, count = 0;
  for (const std::string& domain : page.domains) {
    bytes += domain.size();
    if (count > 0 && bytes > kMostPage) break;
    ++count;
  }
  return count;
}

void finish(const Page& page, const std::optional<Cursor>& next, const Respond& respond) {
  respond({200,
           "application/json",
           domain_page_json(page.domains, next ? show_cursor(*next) : std::string()),
           {}});
}

void list_directory(const Parts& parts, ListRequest request, Page page, const Respond& respond) {
  routing::DomainDirectory* const directory = parts->directory();
  if (!directory || request.source == DomainSource::settings)
    return finish(page, std::nullopt, respond);
  request.query.limit -= static_cast<std::uint32_t>(page.domains.size());
  if (request.query.limit == 0) return finish(page, Cursor{DomainSource::directory, {}}, respond);
  request.query.cursor = request.from.source == DomainSource::directory ? request.from.inner : "";
  directory->list(request.query, [parts, request, page = std::move(page),
                                  respond](routing::ListPage got) mutable {
    if (!got.ok) return respond(failed(got.failure));
    const std::size_t before = page.domains.size();
    add_rows(page, got.rows, DomainSource::directory);
    if (const std::size_t fit = fitting(page); fit < page.domains.size() && fit > before) {
      page.domains.resize(before);
      request.query.limit = static_cast<std::uint32_t>(fit);
      return parts->post([parts, request = std::move(request), page = std::move(page), respond] {
        list_directory(parts, request, page, respond);
      });
    }
    finish(
        page,
        got.next.empty() ? std::nullopt : std::optional(Cursor{DomainSource::directory, got.next}),
        respond);
  });
}

void list_domains(const Parts& parts, const Request& request, const Respond& respond) {
  auto parsed = parse_list_request(request.query);
  if (const auto* const problem = std::get_if<Problem>(&parsed))
    return respond(problem_response(*problem));
  ListRequest& wanted = std::get<ListRequest>(parsed);
  Page page{{}, parts->rules()};
  if (wanted.source == DomainSource::directory || wanted.from.source == DomainSource::directory)
    return list_directory(parts, std::move(wanted), std::move(page), respond);
  wanted.query.cursor = wanted.from.inner;
  parts->settings()->list(wanted.query, [&](routing::ListPage got) {
    if (!got.ok) return respond(failed(got.failure));
    add_rows(page, got.rows, DomainSource::settings);
    if (!got.next.empty()) return finish(page, Cursor{DomainSource::settings, got.next}, respond);
    list_directory(parts, std::move(wanted), std::move(page), respond);
  });
}

// --- one domain -------------------------------------------------------------

Response shown(std::string body, unsigned status = 200) {
  Response out{status, "application/json", std::move(body), {}};
  out.fields.emplace_back("ETag", entity_tag(out.body));
  return out;
}

void get_domain(const Parts& parts, const Request& request, const Respond& respond) {
  const auto key = parse_domain_id(request.id);
  const bool settings = key && key->source == DomainSource::settings;
  routing::DomainDirectory* const directory = parts->directory();
  if (!key || (!settings && !directory)) return respond(problem_response(no_such_domain()));
  routing::ListQuery query;
  query.limit = 1;
  query.row = key->row;
  if (!settings) query.kind = key->kind;
  const auto answer = [respond, rules = parts->rules(), key](routing::ListPage got) {
    if (!got.ok) return respond(failed(got.failure));
    if (got.rows.empty()) return respond(problem_response(no_such_domain()));
    respond(shown(domain_json(got.rows.front(), key->source, rules.states)));
  };
  if (settings) return parts->settings()->list(query, answer);
  directory->list(query, answer);
}

// The book, for a row that may be written; else it was said why not.
DomainBook* book_for(const Parts& parts, const Request& request, const Respond& respond) {
  const auto key = parse_domain_id(request.id);
  if (key && key->source == DomainSource::settings) {
    respond(problem_response(
        {409,
         "This domain stands in " + parts->settings_file + "; change it there and reload.",
         {},
         {}}));
    return nullptr;
  }
  DomainBook* const book = parts->book();
  if (!key || !book) {
    respond(problem_response(key ? no_book(parts) : no_such_domain()));
    return nullptr;
  }
  if (key->kind != routing::RecordKind::module_domain) {
    respond(problem_response(
        {409,
         key->kind == routing::RecordKind::redirect
             ? "A redirect is a row of domain_redirects; change it in the database."
             : "A site's name is a column of its row in sites; change it in the database.",
         {},
         {}}));
    return nullptr;
  }
  return book;
}

// Reads the row, and goes on if the request's If-Match allows it.
void with_match(const Parts& parts, DomainBook& book, const Request& request,
                const Respond& respond, std::function<void(StoredDomain)> then) {
  if (request.if_match.empty())
    return respond(problem_response(
        {428,
         "Send If-Match with the ETag of GET, so that nobody's change is lost; \"*\" takes any.",
         "If-Match",
         {}}));
  book.read(
      request.id, on_control(parts, [rules = parts->rules(), tags = request.if_match, respond,
                                     then = std::move(then)](BookRead read) {
        if (!read.domain)
          return respond(read.answer.result == BookResult::gone ? problem_response(no_such_domain())
                                                                : failed(read.answer));
        const std::string current =
            entity_tag(domain_json(read.domain->record, DomainSource::directory, rules.states));
        switch (if_match(tags, current)) {
          case IfMatch::matches:
            return then(*std::move(read.domain));
          case IfMatch::differs:
            return respond(problem_response(
                {412, "It has changed since; GET it again.", "If-Match", {{"current", current}}}));
          default:
            return respond(problem_response(
                {400, "If-Match is an ETag in quotes, a list of them, or *.", "If-Match", {}}));
        }
      }));
}

// The row as it is now.
void show_row(const Parts& parts, const std::string& id, unsigned status, const Respond& respond) {
  DomainBook* const book = parts->book();
  if (!book) return respond(problem_response(no_book(parts)));
  book->read(id, [rules = parts->rules(), status, respond](BookRead read) {
    if (!read.domain) return respond(failed(read.answer));
    Response out =
        shown(domain_json(read.domain->record, DomainSource::directory, rules.states), status);
    if (status == 201)
      out.fields.emplace_back("Location",
                              "/v1/domains/" + percent_encoded(read.domain->record.row));
    respond(std::move(out));
  });
}

void patch_domain(const Parts& parts, Request request, const Respond& respond) {
  DomainBook* const book = book_for(parts, request, respond);
  if (!book) return;
  with_match(parts, *book, request, respond,
             [parts, respond, body = request.body, id = request.id,
              local = request.local](const StoredDomain& seen) {
               auto parsed = parse_edit(body, seen);
               if (const auto* const problem = std::get_if<Problem>(&parsed))
                 return respond(problem_response(*problem));
               const DomainEdit& edit = std::get<DomainEdit>(parsed);
               if (edit.empty()) return show_row(parts, id, 200, respond);
               const auto edited = [parts, respond, id, local, vouched = edit.vouched,
                                    host = shown_host(seen.record)](const BookAnswer& answer) {
                 if (answer.result != BookResult::done) return respond(failed(answer));
                 if (vouched) parts->vouched(host, id, *vouched, local);
                 parts->written({host});
                 show_row(parts, id, 200, respond);
               };
               parts->book()->edit(seen, edit, on_control(parts, edited));
             });
}

void delete_domain(const Parts& parts, const Request& request, const Respond& respond) {
  DomainBook* const book = book_for(parts, request, respond);
  if (!book) return;
  with_match(parts, *book, request, respond, [parts, respond](const StoredDomain& seen) {
    const auto removed = [parts, respond,
                          host = shown_host(seen.record)](const BookAnswer& answer) {
      if (answer.result != BookResult::done) return respond(failed(answer));
      parts->written({host});
      respond({204, {}, {}, {}});
    };
    parts->book()->remove(seen, on_control(parts, removed));
  });
}

// --- new domains ------------------------------------------------------------

// Why the directory's row would not answer for this name, or nothing.
std::optional<Problem> shadowed(const DomainParts& parts, routing::DomainDirectory& settings,
                                const routing::DirectoryRules& rules, const std::string& host) {
  if (host.starts_with("*.")) return std::nullopt;
  const auto keys = routing::keys_of(*base::parse_hostname(host).name, rules.sites_base);
  if (keys.below_base)
    return Problem{422,
                   "host is below the sites base " + rules.sites_base +
                       ", where sites answer by their label; choose another name.",
                   "host",
                   {}};
  std::optional<Problem> out;
  settings.find(keys, [&](const routing::DirectoryAnswer& found) {
    for (const auto& row : found.rows) {
      if (row->wildcard) continue;
      out = Problem{409,
                    shown_host(*row) + " stands in " + parts.settings_file +
                        ", which comes before the directory; change it there.",
                    "host",
                    {{"existing", domain_id(*row, DomainSource::settings)}}};
    }
  });
  return out;
}

void create_domain(const Parts& parts, const Request& request, const Respond& respond) {
  auto parsed = parse_draft(request.body);
  if (const auto* const problem = std::get_if<Problem>(&parsed))
    return respond(problem_response(*problem));
  DomainBook* const book = parts->book();
  if (!book) return respond(problem_response(no_book(parts)));
  DomainDraft& draft = std::get<DomainDraft>(parsed);
  if (const auto problem = shadowed(*parts, *parts->settings(), parts->rules(), draft.host))
    return respond(problem_response(*problem));
  const auto created = [parts, respond, host = draft.host, vouched = draft.vouched,
                        local = request.local](const std::vector<BookAnswer>& answers) {
    const BookAnswer& answer = answers.front();
    if (answer.result == BookResult::done) {
      if (vouched) parts->vouched(host, answer.id, true, local);
      parts->written({host});
      return show_row(parts, answer.id, 201, respond);
    }
    if (answer.result == BookResult::unchanged) return show_row(parts, answer.id, 200, respond);
    respond(failed(answer));
  };
  book->create({std::move(draft)}, on_control(parts, created));
}

json::object result_json(const BookAnswer& answer) {
  if (answer.result == BookResult::done) return {{"result", "created"}, {"id", answer.id}};
  if (answer.result == BookResult::unchanged) return {{"result", "unchanged"}, {"id", answer.id}};
  return {{"result", "error"}, {"problem", json::parse(problem_body(problem_of(answer)))}};
}

void create_batch(const Parts& parts, const Request& request, const Respond& respond) {
  auto parsed = parse_drafts(request.body);
  if (const auto* const problem = std::get_if<Problem>(&parsed))
    return respond(problem_response(*problem));
  DomainBook* const book = parts->book();
  if (!book) return respond(problem_response(no_book(parts)));
  const auto settings = parts->settings();
  const auto rules = parts->rules();
  std::vector<DomainDraft> drafts;
  auto results = std::make_shared<json::array>();
  auto places = std::make_shared<std::vector<std::size_t>>();  // of the drafts in the results
  for (auto& entry : std::get<std::vector<DraftOrProblem>>(parsed)) {
    std::optional<Problem> problem;
    if (auto* const found = std::get_if<Problem>(&entry))
      problem = std::move(*found);
    else
      problem = shadowed(*parts, *settings, rules, std::get<DomainDraft>(entry).host);
    if (problem) {
      results->push_back(
          json::object{{"result", "error"}, {"problem", json::parse(problem_body(*problem))}});
    } else {
      places->push_back(results->size());
      results->emplace_back(nullptr);
      drafts.push_back(std::move(std::get<DomainDraft>(entry)));
    }
  }
  std::vector<std::pair<std::string, bool>> names;  // and whether somebody vouches for it
  for (const DomainDraft& draft : drafts) names.emplace_back(draft.host, draft.vouched);
  const auto answer = [parts, results, places, respond, hosts = std::move(names),
                       local = request.local](const std::vector<BookAnswer>& answers) {
    for (std::size_t i = 0; i < places->size(); ++i)
      (*results)[(*places)[i]] = result_json(answers[i]);
    std::vector<std::string> written;
    for (std::size_t i = 0; i < places->size(); ++i)
      if (answers[i].result == BookResult::done) {
        written.push_back(hosts[i].first);
        if (hosts[i].second) parts->vouched(hosts[i].first, answers[i].id, true, local);
      }
    parts->written(written);
    std::uint64_t counts[3] = {};
    for (const json::value& result : *results) {
      const auto& word = result.as_object().at("result").as_string();
      ++counts[word == "created" ? 0 : word == "unchanged" ? 1 : 2];
    }
    respond({200,
             "application/json",
             json::serialize(json::object{{"created", counts[0]},
                                          {"unchanged", counts[1]},
                                          {"failed", counts[2]},
                                          {"results", *results}}),
             {}});
  };
  if (drafts.empty()) return answer({});
  book->create(std::move(drafts), on_control(parts, answer));
}

void analyze(const Parts& parts, const Request&, const Respond& respond) {
  DomainBook* const book = parts->book();
  if (!book) return respond(problem_response(no_book(parts)));
  book->analyze([respond](const BookAnswer& answer) {
    if (answer.result != BookResult::done) return respond(failed(answer));
    respond({204, {}, {}, {}});
  });
}

}  // namespace

std::vector<Route> domain_routes(DomainParts made) {
  const Parts parts = std::make_shared<const DomainParts>(std::move(made));
  const auto served = [parts](auto function) {
    return [parts, function](const Request& request, const Respond& respond) {
      function(parts, request, respond);
    };
  };
  return {
      {"GET", "/v1/domains", served(list_domains)},
      {"POST", "/v1/domains", served(create_domain), 256u << 10},
      {"POST", "/v1/domains:batch", served(create_batch), kMostBatch},
      {"POST", "/v1/domains:analyze", served(analyze)},
      {"GET", "/v1/domains/{id}", served(get_domain)},
      {"PATCH", "/v1/domains/{id}", served(patch_domain), 256u << 10},
      {"DELETE", "/v1/domains/{id}", served(delete_domain)},
  };
}

}  // namespace marquee::admin
