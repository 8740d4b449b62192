-- The nodes' role records calls of modules' APIs, and has no right on their tables.
GRANT EXECUTE ON FUNCTION marquee.record_calls(json) TO {{role}};
