// How PostgreSQL tells what changed: the contract between the triggers that
// `marquee db migrate` installs and the adapter that listens.
//
// The truth is a log, the notification only says that it grew. So nothing is lost
// when a notification is (a reconnect, a pooler), nothing is told before it is
// visible, and one read serves push, polling and replay alike.
//
//  marquee.changes(generation bigint, ascending; xid xid8 of the writing transaction;
//      what text; value text). One row per thing that changed, written by the
//      triggers; a statement that changes more than 1000 writes one `everything`.
//      `what` is name (a column's value as stored), label (sites.subdomain),
//      installation, site, client, agency (ids) or everything.
//      Old rows may be deleted at any time, but never the newest.
//  marquee.meta: key `lineage`, a random number made with the schema.
//  NOTIFY marquee_changes: in the writing transaction, so that it comes after the
//      commit. Its payload is not looked at.
//
// The directory's generation is the newest change below the oldest transaction
// that is open (kGeneration): no change of that number or below can become visible
// later. It trails while a long transaction writes, anywhere in the cluster.
// A transaction that commits late has a generation below others that are already
// known. Therefore the log is read by snapshot and not by number: what the last
// reader's snapshot did not see is new.
#pragma once
#include <string_view>

namespace marquee::store::postgres {

inline constexpr std::string_view kChannel = "marquee_changes";
// Payload of the adapter's own notification: this and a random number.
inline constexpr std::string_view kProbe = "probe ";

// A table expression of one row at most, with the column `generation`.
inline constexpr std::string_view kGeneration =
    "(SELECT generation FROM marquee.changes WHERE xid < pg_snapshot_xmin(pg_current_snapshot()) "
    "ORDER BY generation DESC LIMIT 1) g";

}  // namespace marquee::store::postgres
