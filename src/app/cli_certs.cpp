#include "app/cli_certs.hpp"

#include <CLI/CLI.hpp>

#include "app/cli.hpp"

namespace marquee::app {
namespace {

void common_options(CLI::App& command, CommandLine& line, int& seconds, CertsOptions::What what) {
  command.add_option("-c,--config", line.config, "Settings file (Env: MARQUEE_CONFIG)")
      ->type_name("FILE")
      ->capture_default_str();
  command.add_option("--socket", line.socket, "Admin socket (default: the one in the settings)")
      ->type_name("PATH");
  command.add_option("--timeout", seconds, "Seconds to wait for the answer")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  command.add_flag("--json", line.json, "As JSON, for programs");
  command.callback([&line, &seconds, what] {
    line.certs.what = what;
    line.timeout = std::chrono::seconds(seconds);
  });
}

}  // namespace

CLI::App* add_certs(CLI::App& app, CommandLine& line, int& seconds) {
  CLI::App* const certs = app.add_subcommand("certs", "Certificates of the domains");
  certs->require_subcommand(1);
  certs->footer(
      "\nExamples:\n  marquee certs list\n"
      "  marquee certs import shop.acme.com --cert shop.pem --key shop.key\n"
      "  marquee certs export shop.acme.com > shop.pem\n");
  CertsOptions& options = line.certs;

  CLI::App* const import =
      certs->add_subcommand("import", "Give a domain of the directory its own");
  import->add_option("host", options.host, "Its hostname, or *.PARENT")->required();
  import->add_option("--cert", options.cert_files, "PEM: the certificate, then its intermediates")
      ->type_name("FILE")
      ->required();
  import->add_option("--key", options.key_files, "PEM: its private key, unencrypted")
      ->type_name("FILE")
      ->required();
  common_options(*import, line, seconds, CertsOptions::What::import);
  import->footer(
      "\nWhat is there for the host is replaced. The key is stored encrypted "
      "(directory.encryption_key). Served from the next handshake on, on all nodes.\nFor clients "
      "that know only one kind of key, give both pairs:\n"
      "  marquee certs import shop.acme.com --cert shop-ec.pem --key shop-ec.key --cert "
      "shop-rsa.pem --key shop-rsa.key\n");

  CLI::App* const list = certs->add_subcommand("list", "Hosts, issuers and ends; never keys");
  list->add_option("contains", options.contains, "Only hosts with this in their name");
  common_options(*list, line, seconds, CertsOptions::What::list);
  list->footer("\nExample:\n  marquee certs list --json | jq '.[] | select(.fault)'\n");

  CLI::App* const show = certs->add_subcommand("export", "Print a domain's certificate as PEM");
  show->add_option("host", options.host, "Its hostname, or *.PARENT")->required();
  show->add_flag("--with-key", options.with_key,
                 "Its private key, too, in the clear; only by the Unix socket");
  common_options(*show, line, seconds, CertsOptions::What::show_export);
  show->footer("\nExample:\n  marquee certs export shop.acme.com > shop.pem\n");

  CLI::App* const remove =
      certs->add_subcommand("remove", "Take a domain's certificate out of the directory");
  remove->add_option("host", options.host, "Its hostname, or *.PARENT")->required();
  common_options(*remove, line, seconds, CertsOptions::What::remove);
  remove->footer(
      "\nFrom the next handshake on its visitors get one of Marquee's internal CA, on all nodes.\n"
      "Example:\n  marquee certs remove shop.acme.com\n");
  return certs;
}

}  // namespace marquee::app
