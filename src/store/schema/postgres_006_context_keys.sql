-- Keys that sign the tenant context, of all nodes. A generation is given out once:
-- who adds one that is there already lost a race, and takes the other's key.
-- `sealed` is the private key's PEM, encrypted as certificates' keys are.
CREATE TABLE IF NOT EXISTS marquee.context_keys (
  generation bigint PRIMARY KEY,
  signs_from bigint NOT NULL,
  sealed text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
