// Rows of a directory with very many domains, for `./dev bench --domains`.
//
//   domain_rows make FOLDER COUNT     writes TABLE.rows (as COPY ... FROM STDIN reads)
//                                     and TABLE.columns, for each of order.txt
//   domain_rows sqlite FILE FOLDER    puts them into a file that `marquee db migrate` made
//
// COUNT domains over COUNT/100 agencies (1 to 10,000), each with an installation of
// its own, ten to a site. Every domain has a certificate for its own name, signed by
// one ECDSA P-256 key; the private keys are 1,024, in turn, each row's encrypted with
// its own IV under the key 000102...1f. The same arguments make the same names and ids.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Row = std::vector<std::string>;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "domain_rows: %s\n", what);
  std::exit(1);
}

std::string id(unsigned kind, unsigned long n) {
  char text[64];
  std::snprintf(text, sizeof text, "%08x-0000-4000-8000-%012lx", kind, n);
  return text;
}

std::string hex(const unsigned char* bytes, std::size_t size) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(size * 2);
  for (std::size_t i = 0; i < size; ++i) {
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
  return out;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

class Certificates {
 public:
  Certificates() : signer_(EVP_EC_gen("P-256")) {
    for (auto& key : keys_) {
      key.pair = EVP_EC_gen("P-256");
      BIO* bio = BIO_new(BIO_s_mem());
      PEM_write_bio_PrivateKey(bio, key.pair, nullptr, nullptr, 0, nullptr, nullptr);
      key.pem = text_of(bio);
    }
  }

  std::string certificate(unsigned long n, const std::string& name) const {
    X509* x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), n + 1);
    // For years: the rows are kept between runs.
    ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "20200101000000Z");
    ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "20450101000000Z");
    add_name(X509_get_subject_name(x), name);
    add_name(X509_get_issuer_name(x), "Bench CA");
    X509_set_pubkey(x, keys_[n % keys_.size()].pair);
    GENERAL_NAMES* names = sk_GENERAL_NAME_new_null();
    for (const std::string& one : {name, "www." + name}) {
      GENERAL_NAME* dns = GENERAL_NAME_new();
      ASN1_IA5STRING* value = ASN1_IA5STRING_new();
      ASN1_STRING_set(value, one.data(), static_cast<int>(one.size()));
      GENERAL_NAME_set0_value(dns, GEN_DNS, value);
      sk_GENERAL_NAME_push(names, dns);
    }
    X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0);
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    if (X509_sign(x, signer_, EVP_sha256()) == 0) fail("X509_sign");
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);
    X509_free(x);
    return text_of(bio);
  }

  std::string encrypted_key(unsigned long n) {
    const std::string& plain = keys_[n % keys_.size()].pem;
    std::array<unsigned char, 32> secret{};
    for (std::size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<unsigned char>(i);
    std::array<unsigned char, 12> iv{};
    std::memcpy(iv.data(), &n, sizeof n);
    std::string out(plain.size(), '\0');
    std::array<unsigned char, 16> tag{};
    int size = 0;
    auto* const bytes = reinterpret_cast<unsigned char*>(out.data());
    EVP_EncryptInit_ex(context_, cipher_, nullptr, secret.data(), iv.data());
    EVP_EncryptUpdate(context_, bytes, &size, reinterpret_cast<const unsigned char*>(plain.data()),
                      static_cast<int>(plain.size()));
    EVP_EncryptFinal_ex(context_, bytes + size, &size);
    EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_GCM_GET_TAG, 16, tag.data());
    return hex(iv.data(), iv.size()) + hex(bytes, out.size()) + hex(tag.data(), tag.size());
  }

 private:
  static void add_name(X509_NAME* to, const std::string& name) {
    X509_NAME_add_entry_by_NID(to, NID_commonName, MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.data()),
                               static_cast<int>(name.size()), -1, 0);
  }
  struct Key {
    EVP_PKEY* pair = nullptr;
    std::string pem;
  };
  EVP_PKEY* signer_;
  std::array<Key, 1024> keys_;
  EVP_CIPHER* cipher_ = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  EVP_CIPHER_CTX* context_ = EVP_CIPHER_CTX_new();
};

struct Table {
  const char* name;
  std::vector<const char*> columns;
  unsigned long rows;
  std::function<Row(unsigned long)> row;
};

std::vector<Table> tables(unsigned long count) {
  const unsigned long agencies = std::max(1ul, std::min(10'000ul, count / 100));
  const unsigned long sites = (count + 9) / 10;
  const auto number = [](unsigned long n) { return std::to_string(n); };
  auto certificates = std::make_shared<Certificates>();
  return {
      {"agencies",
       {"id", "name"},
       agencies,
       [=](unsigned long n) {
         return Row{id(1, n), "agency " + number(n)};
       }},
      {"clients",
       {"id", "agency_id", "name"},
       agencies,
       [=](unsigned long n) {
         return Row{id(2, n), id(1, n), "client " + number(n)};
       }},
      {"sites",
       {"id", "client_id", "agency_id", "name", "subdomain", "published"},
       sites,
       [=](unsigned long n) {
         const unsigned long agency = n % agencies;
         return Row{id(3, n), id(2, agency), id(1, agency), "site", "site-" + number(n), "1"};
       }},
      {"site_module_installations",
       {"id", "site_id", "module_id", "is_enabled"},
       count,
       [=](unsigned long n) {
         return Row{id(4, n), id(3, n % sites), id(5, n), "1"};
       }},
      {"module_custom_domains",
       {"id", "site_module_installation_id", "domain", "status", "ssl_status", "ssl_certificate",
        "ssl_private_key_encrypted", "ssl_expires_at", "config", "white_label"},
       count,
       [=](unsigned long n) {
         const std::string name = "shop-" + number(n) + ".example";
         return Row{id(6, n),
                    id(4, n),
                    name,
                    "active",
                    "active",
                    certificates->certificate(n, name),
                    certificates->encrypted_key(n),
                    "2045-01-01T00:00:00Z",
                    "{\"redirect_to_https\": false}",
                    "{\"brand_name\": \"Shop " + number(n) + "\"}"};
       }}};
}

std::string joined(const std::vector<const char*>& columns) {
  std::string out;
  for (const char* column : columns) out += (out.empty() ? "" : ", ") + std::string(column);
  return out;
}

void make(const std::string& folder, unsigned long count) {
  std::ofstream order(folder + "/order.txt");
  for (const Table& table : tables(count)) {
    order << table.name << '\n';
    std::ofstream(folder + "/" + table.name + ".columns") << joined(table.columns) << '\n';
    std::ofstream out(folder + "/" + table.name + ".rows");
    std::string line;
    for (unsigned long n = 0; n < table.rows; ++n) {
      line.clear();
      for (const std::string& value : table.row(n)) {
        if (!line.empty()) line += '\t';
        for (const char c : value)
          if (c == '\n')
            line += "\\n";
          else
            line += c;
      }
      line += '\n';
      out << line;
    }
    if (!out.flush()) fail("cannot write the rows: is the disk full?");
  }
}

// One transaction; the import tells of itself once (schema: `quiet`).
void into_sqlite(const char* file, const std::string& folder) {
  sqlite3* db = nullptr;
  if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK)
    fail("there is no such SQLite file");
  const auto run = [db](const std::string& sql) {
    if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
      fail(sqlite3_errmsg(db));
  };
  run("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN IMMEDIATE;"
      "INSERT INTO marquee_meta VALUES ('quiet', '1')");
  std::ifstream order(folder + "/order.txt");
  for (std::string table; std::getline(order, table);) {
    std::string columns;
    std::getline(std::ifstream(folder + "/" + table + ".columns") >> std::ws, columns);
    std::string marks = "?";
    for (const char c : columns)
      if (c == ',') marks += ", ?";
    const std::string sql = "INSERT INTO " + table + " (" + columns + ") VALUES (" + marks + ")";
    sqlite3_stmt* insert = nullptr;
    if (sqlite3_prepare_v2(db, sql.c_str(), -1, &insert, nullptr) != SQLITE_OK)
      fail(sqlite3_errmsg(db));
    std::ifstream in(folder + "/" + table + ".rows");
    for (std::string line; std::getline(in, line);) {
      std::size_t at = 0;
      for (int column = 1; at <= line.size(); ++column) {
        const std::size_t end = std::min(line.find('\t', at), line.size());
        std::string value;
        for (std::size_t i = at; i < end; ++i) {
          const bool newline = line[i] == '\\' && line[i + 1] == 'n';
          value += newline ? '\n' : line[i];
          i += newline ? 1 : 0;
        }
        sqlite3_bind_text(insert, column, value.data(), static_cast<int>(value.size()),
                          SQLITE_TRANSIENT);
        at = end + 1;
      }
      if (sqlite3_step(insert) != SQLITE_DONE) fail(sqlite3_errmsg(db));
      sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
  }
  run("DELETE FROM marquee_meta WHERE key = 'quiet';"
      "INSERT INTO marquee_changes (what) VALUES ('everything'); COMMIT;"
      "PRAGMA wal_checkpoint(TRUNCATE)");
  sqlite3_close(db);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 4 ? argv[1] : "";
  if (what == "make")
    make(argv[2], std::strtoul(argv[3], nullptr, 10));
  else if (what == "sqlite")
    into_sqlite(argv[2], argv[3]);
  else
    fail("usage: domain_rows make FOLDER COUNT | sqlite FILE FOLDER");
  return 0;
}
