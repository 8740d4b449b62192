"""`marquee db migrate`: bare databases, the platform's own, and back again."""
import pathlib
import subprocess

import pytest
from harness import directory
from harness.marquee import BINARY
from harness.postgres import Postgres, binaries

pytestmark = pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
PLATFORM = (pathlib.Path(__file__).parent / "harness/platform_schema.sql").read_text(encoding="ascii")

# Everything about schema public (and auth) that a migration could alter.
CATALOGUE = """
SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
  pg_get_expr(d.adbin, d.adrelid), a.attacl::text
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace IN ('public'::regnamespace, 'auth'::regnamespace) AND a.attnum > 0 ORDER BY 2, 3;
SELECT 'relation', relname, relkind, relacl::text, relrowsecurity, relforcerowsecurity FROM pg_class
WHERE relnamespace IN ('public'::regnamespace, 'auth'::regnamespace) ORDER BY 2;
SELECT 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace ORDER BY 2, 3;
SELECT 'function', p.oid::regprocedure, md5(pg_get_functiondef(p.oid)), proacl::text FROM pg_proc p
WHERE pronamespace IN ('public'::regnamespace, 'auth'::regnamespace) ORDER BY 2;
SELECT 'policy', polrelid::regclass, polname, polcmd, polroles::text, pg_get_expr(polqual, polrelid),
  pg_get_expr(polwithcheck, polrelid) FROM pg_policy ORDER BY 2, 3;
SELECT 'trigger', tgrelid::regclass, tgname, pg_get_triggerdef(oid) FROM pg_trigger
WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) ORDER BY 2, 3;
"""
# All rows with their xmin: a row that was written anew, though equal, shows.
ROWS = "".join(f"SELECT '{t}', xmin, t::text FROM public.{t} t ORDER BY 3;" for t in (
    "agencies", "clients", "sites", "site_module_installations", "module_custom_domains", "domain_redirects"))


@pytest.fixture(scope="module")
def server():
    with Postgres() as it:
        yield it


@pytest.fixture
def platform(server, request):
    name = request.node.name[:40]
    url = server.create(name)
    server.sql(PLATFORM, name)
    server.sql(directory.tenant("flour", custom_domain="flour.test")
               + directory.module_domain("shop.test", "flour")
               + directory.redirect("old.test", "flour.test", "flour"), name)
    return server, name, url


def migrate(url, *more, code=0):
    done = subprocess.run([BINARY, "db", "migrate", "--url", url, *more], capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_a_bare_database_gets_the_platform_s_tables_and_functions(server):
    url = server.create("bare")
    first = migrate(url).stdout
    assert "platform_tables: done" in first and "change_feed: done" in first
    assert migrate(url).stdout == "up to date\n"
    server.sql(directory.tenant("flour") + directory.module_domain("shop.test", "flour"), "bare")
    assert server.sql("SELECT site_id FROM get_module_by_domain('shop.test')", "bare") == directory.row_id("site", "flour")
    assert server.sql("SELECT count(*) FROM get_domains_for_ssl_renewal()", "bare") == "0"
    server.sql(f"SELECT increment_domain_stats('{directory.row_id('domain', 'shop.test')}', 2, 4000000000)", "bare")
    assert server.sql("SELECT total_requests, bandwidth_bytes FROM module_custom_domains", "bare") == "2|4000000000"
    assert server.sql("SELECT count(*) FROM module_api_logs, module_api_requests", "bare") == "0"


def test_without_attaching_nothing_of_the_platform_changes(platform):
    server, name, url = platform
    before = server.sql(CATALOGUE + ROWS, name)
    migrate(url, "--no-attach")
    assert server.sql(CATALOGUE + ROWS, name) == before
    assert server.sql("SELECT count(*) FROM marquee.proofs", name) == "0"


def test_what_is_attached_is_named_and_goes_without_a_trace(platform):
    server, name, url = platform
    before = server.sql(CATALOGUE + ROWS, name)
    migrate(url)
    attached = server.sql(CATALOGUE, name)
    assert server.sql(ROWS, name) in before, "rows are untouched"
    new = [line for line in attached.splitlines() if line not in before]
    kinds = {line.split("|")[0] for line in new}
    assert kinds == {"column", "relation", "policy", "trigger"}, kinds
    for line in new:
        fields = line.split("|")
        if fields[0] in ("policy", "trigger"):
            assert fields[2].startswith("marquee_"), line
        else:
            assert "marquee_edge=" in line, line
    migrate(url, "--remove")
    after = server.sql(CATALOGUE + ROWS, name)
    left = [line for line in after.splitlines() if line not in before.splitlines()]
    assert not left and after == before, left
    assert migrate(url, "--remove").stdout == "nothing was attached\n"
    assert "change_feed: done" in migrate(url).stdout


def test_the_functions_go_with_the_rest(platform):
    server, name, url = platform
    functions = ("SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc WHERE pronamespace = 'marquee'::regnamespace"
                 " AND proname NOT LIKE 'note%'")
    assert "GRANT EXECUTE ON FUNCTION marquee.record_calls(json) TO" in migrate(url, "--print").stdout
    migrate(url)
    assert server.sql(functions, name) == "api_consumer count_uses insert_calls record_calls sha256_hex touch_updated_at uuid_text"
    may = ("SELECT string_agg(r || ' ' || has_function_privilege(r, 'marquee.record_calls(json)', 'EXECUTE'), ', ')"
           " FROM unnest(ARRAY['anon', 'authenticated', 'marquee_edge']) r")
    assert server.sql(may, name) == "anon false, authenticated false, marquee_edge true"
    migrate(url, "--remove")
    assert server.sql(functions, name) == "touch_updated_at"


def test_what_is_printed_is_what_is_done_and_can_be_carried_out_by_hand(platform):
    server, name, url = platform
    before = server.sql(CATALOGUE, name)
    text = migrate(url, "--print").stdout
    assert server.sql(CATALOGUE, name) == before, "printing does nothing"
    assert "CREATE TRIGGER marquee_update" in text and "CREATE POLICY marquee_select" in text
    server.sql(text, name)
    server.sql(text, name)
    by_hand = server.sql(CATALOGUE, name)
    migrate(url)
    assert server.sql(CATALOGUE, name) == by_hand


def test_the_role_sees_what_it_needs_and_no_more(platform):
    server, name, url = platform
    migrate(url)

    def as_edge(sql, check=False):
        return server.sql(sql, name, user="marquee_edge", check=check)

    assert as_edge("SELECT domain, ssl_private_key_encrypted FROM module_custom_domains").stdout.startswith("shop.test")
    assert as_edge("SELECT count(*) FROM sites s JOIN agencies a ON a.id = s.agency_id").stdout.strip() == "1"
    assert as_edge("UPDATE module_custom_domains SET ssl_status = 'expired' WHERE domain = 'shop.test' RETURNING 1").returncode == 0
    assert as_edge("INSERT INTO domain_request_logs (domain_id, path) SELECT id, '/' FROM module_custom_domains").returncode == 0
    for refused in ("SELECT settings FROM sites", "SELECT custom_branding FROM agencies",
                    "UPDATE module_custom_domains SET domain = 'x.test'", "DELETE FROM module_custom_domains",
                    "UPDATE agencies SET status = 'active'", "INSERT INTO domain_redirects (from_domain, to_domain) VALUES ('a.b', 'c.d')"):
        done = as_edge(refused)
        assert done.returncode != 0 and "permission denied" in done.stderr, refused + done.stderr


def test_a_tenant_s_own_change_is_noted_under_row_level_security(platform):
    server, name, url = platform
    migrate(url)
    user = "11111111-1111-4111-8111-111111111111"
    server.sql(f"INSERT INTO agency_members (agency_id, user_id, role) VALUES ('{directory.row_id('agency', 'flour')}', '{user}', 'owner')", name)
    server.sql("DELETE FROM marquee.changes", name)
    server.sql(f"""BEGIN; SET LOCAL ROLE authenticated; SET LOCAL request.jwt.claims = '{{"sub": "{user}"}}';
      UPDATE module_custom_domains SET status = 'disabled'; COMMIT;""", name)
    assert server.sql("SELECT what, value FROM marquee.changes", name) == "name|shop.test"
    assert "permission denied" in server.sql("SET ROLE authenticated; SELECT * FROM marquee.changes", name, check=False).stderr


def test_an_import_leaves_a_bounded_number_of_entries(platform):
    server, name, url = platform
    migrate(url)
    server.sql("DELETE FROM marquee.changes", name)
    server.sql("INSERT INTO domain_redirects (from_domain, to_domain) SELECT 'n' || i || '.test', 'flour.test' FROM generate_series(1, 20000) i", name)
    assert server.sql("SELECT what, count(*) FROM marquee.changes GROUP BY 1", name) == "everything|1"
    server.sql("DELETE FROM marquee.changes; SELECT increment_domain_stats(id, 1, 1) FROM module_custom_domains", name)
    server.sql("UPDATE module_custom_domains SET status = status, updated_at = now()", name)
    assert server.sql("SELECT count(*) FROM marquee.changes", name) == "0", "statistics are no change"


def test_errors_name_the_place_and_no_password(server):
    wrong = server.url("nowhere").replace("secret", "hunter2")
    done = migrate(wrong, code=1)
    assert "127.0.0.1" in done.stderr and "hunter2" not in done.stderr
    done = migrate("postgresql://u:hunter2@h:port/x", code=1)
    assert "hunter2" not in done.stderr


def test_a_table_that_lacks_a_column_is_named(server):
    url = server.create("old")
    server.sql("CREATE TABLE public.agencies (id uuid PRIMARY KEY)", "old")
    done = migrate(url, code=1)
    assert "agencies.subscription_status" in done.stderr
    assert server.sql("SELECT count(*) FROM pg_trigger WHERE tgname = 'marquee_insert'", "old") == "0"


def test_sqlite_and_the_command_line(tmp_path):
    file = tmp_path / "directory.sqlite"
    assert "change_feed: done" in migrate(f"sqlite:{file}").stdout
    assert migrate(str(file)).stdout == "up to date\n"
    assert "CREATE TABLE module_custom_domains" in migrate(f"sqlite:{file}", "--print").stdout
    assert "delete the file" in migrate(f"sqlite:{file}", "--remove", code=1).stderr
    assert "excludes" in migrate(f"sqlite:{file}", "--print", "--remove", code=2).stderr
    file.write_bytes(b"no database at all" * 500)
    assert str(file) in migrate(str(file), code=1).stderr
