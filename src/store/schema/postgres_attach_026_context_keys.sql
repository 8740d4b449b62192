-- The nodes' role makes and forgets keys of the tenant context.
GRANT SELECT, INSERT, DELETE ON marquee.context_keys TO {{role}};
