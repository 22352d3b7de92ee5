/** PRAGMA application_id: tells our file from another program's ("flee"). */
export const APPLICATION_ID = 0x666c6565;

/**
 * The schema as a list of migrations: MIGRATIONS[i] leads from version i to i + 1, and `PRAGMA user_version` is how many have run.
 * A migration that has been released is never edited; a change is a new one at the end. Times are ms since 1970 unless a comment says
 * otherwise; values are in the base unit of their metric and never rounded.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE devices (
    id    TEXT PRIMARY KEY,
    title TEXT
  ) STRICT;

  -- What a device answered when probed; every probe is kept.
  CREATE TABLE facts (
    id     INTEGER PRIMARY KEY,
    device TEXT NOT NULL REFERENCES devices(id),
    time   REAL NOT NULL,
    epoch  TEXT NOT NULL,            -- hash of the facts that change speed
    json   TEXT NOT NULL
  ) STRICT;
  CREATE INDEX facts_device ON facts(device, id);

  CREATE TABLE builds (
    id        INTEGER PRIMARY KEY,
    sha256    TEXT NOT NULL,         -- of the binary
    toolchain TEXT NOT NULL,
    compiler  TEXT NOT NULL,
    target    TEXT NOT NULL,
    flags     TEXT NOT NULL,
    bytes     INTEGER,               -- null where only a run told of it
    UNIQUE (sha256, toolchain, compiler, target, flags)
  ) STRICT;

  CREATE TABLE runs (
    id            TEXT PRIMARY KEY,
    device        TEXT NOT NULL REFERENCES devices(id),
    build         INTEGER NOT NULL REFERENCES builds(id),
    facts         INTEGER REFERENCES facts(id),
    model         TEXT NOT NULL,
    suite         TEXT NOT NULL,
    suite_version INTEGER NOT NULL,
    threads       INTEGER NOT NULL,
    cpus          TEXT,
    emulated      INTEGER NOT NULL,
    journal       TEXT,              -- where the device keeps it
    started       REAL NOT NULL,     -- the controller's clock
    ended         REAL,              -- the device's clock less its offset
    status        TEXT NOT NULL CHECK (status IN ('queued', 'running', 'ok', 'failed', 'cancelled', 'interrupted')),
    message       TEXT,
    last_seq      INTEGER NOT NULL DEFAULT 0   -- every record up to here is stored
  ) STRICT;
  CREATE INDEX runs_started ON runs(started);

  -- One row a journal record. Its key is what makes storing twice count once; the tables below hold what the record says.
  CREATE TABLE journal (
    run  TEXT NOT NULL REFERENCES runs(id),
    seq  INTEGER NOT NULL,
    kind TEXT NOT NULL,
    wall REAL NOT NULL,              -- the device's clock
    mono REAL NOT NULL,              -- the device's monotonic clock, seconds
    PRIMARY KEY (run, seq)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE samples (
    run        TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    metric     TEXT NOT NULL,
    value      REAL NOT NULL,
    prompt     TEXT,
    launch     INTEGER NOT NULL,
    repetition INTEGER NOT NULL,
    warmup     INTEGER NOT NULL,
    PRIMARY KEY (run, seq),
    FOREIGN KEY (run, seq) REFERENCES journal(run, seq)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE series (
    run        TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    name       TEXT NOT NULL,
    unit       TEXT NOT NULL,
    prompt     TEXT,
    launch     INTEGER NOT NULL,
    repetition INTEGER NOT NULL,
    warmup     INTEGER NOT NULL,
    times      INTEGER NOT NULL,     -- how many
    vals       INTEGER NOT NULL,     -- how many: as many, or none
    data       BLOB NOT NULL,        -- zlib of the times, then the values, each a Float64, little-endian (trace.ts)
    PRIMARY KEY (run, seq),
    FOREIGN KEY (run, seq) REFERENCES journal(run, seq)
  ) STRICT;

  CREATE TABLE outputs (
    run        TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    prompt     TEXT NOT NULL,
    launch     INTEGER NOT NULL,
    repetition INTEGER NOT NULL,
    hash       TEXT NOT NULL,
    text       TEXT NOT NULL,
    tokens     INTEGER NOT NULL,
    PRIMARY KEY (run, seq),
    FOREIGN KEY (run, seq) REFERENCES journal(run, seq)
  ) STRICT;

  -- The other records: start, phase, engine, flag, log, end.
  CREATE TABLE events (
    run  TEXT NOT NULL,
    seq  INTEGER NOT NULL,
    kind TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (run, seq),
    FOREIGN KEY (run, seq) REFERENCES journal(run, seq)
  ) STRICT;

  -- Why a run may not stand beside others; raised by the device (a flag record) or by the controller.
  CREATE TABLE flags (
    run      TEXT NOT NULL REFERENCES runs(id),
    name     TEXT NOT NULL,
    evidence TEXT NOT NULL,
    PRIMARY KEY (run, name, evidence)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Every write to a run gives it the next number, so that another process can ask what moved since the last time it looked.
  ALTER TABLE runs ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
  UPDATE runs SET revision = rowid;
  CREATE INDEX runs_revision ON runs(revision);
  -- Lists by device, and what is unfinished, without reading every run.
  CREATE INDEX runs_device ON runs(device, started);
  CREATE INDEX runs_unfinished ON runs(started) WHERE status IN ('queued', 'running');
  `,
  `
  ALTER TABLE builds ADD COLUMN code TEXT;   -- hash of the machine code, without what only names the compiler; null where unknown

  -- A baseline against a candidate on one device: pairs of launches. What they say is worked out anew whenever it is read.
  CREATE TABLE comparisons (
    id            TEXT PRIMARY KEY,
    device        TEXT NOT NULL REFERENCES devices(id),
    baseline      INTEGER NOT NULL REFERENCES builds(id),
    candidate     INTEGER NOT NULL REFERENCES builds(id),
    model         TEXT NOT NULL,
    suite         TEXT NOT NULL,
    suite_version INTEGER NOT NULL,
    threads       INTEGER NOT NULL,
    metrics       TEXT NOT NULL,     -- JSON array of names; the first decides when to stop
    seed          INTEGER NOT NULL,  -- of the order within the pairs
    epoch         TEXT,              -- of the device's environment
    started       REAL NOT NULL,
    ended         REAL,
    status        TEXT NOT NULL CHECK (status IN ('running', 'ok', 'failed', 'cancelled')),
    message       TEXT
  ) STRICT;
  CREATE INDEX comparisons_device ON comparisons(device, started);

  -- Pair 0 warms up and counts nothing. A pair of which a run is invalid stays, and counts nothing either.
  CREATE TABLE launches (
    comparison TEXT NOT NULL REFERENCES comparisons(id),
    pair       INTEGER NOT NULL,
    side       TEXT NOT NULL CHECK (side IN ('baseline', 'candidate')),
    run        TEXT NOT NULL REFERENCES runs(id),
    PRIMARY KEY (comparison, pair, side)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX launches_run ON launches(run);
  `,
  `
  -- Figures of power and energy: which source they come from, and what it covers (src/core/scope.ts). Records of the controller itself
  -- (its meters) have negative sequence numbers.
  ALTER TABLE samples ADD COLUMN source TEXT;
  ALTER TABLE samples ADD COLUMN scope TEXT;
  ALTER TABLE series ADD COLUMN source TEXT;
  ALTER TABLE series ADD COLUMN scope TEXT;
  `,
  `
  -- A name for runs that later ones are held against.
  CREATE TABLE baselines (
    name TEXT PRIMARY KEY,
    made REAL NOT NULL
  ) STRICT;
  CREATE TABLE baseline_runs (
    baseline TEXT NOT NULL REFERENCES baselines(name) ON DELETE CASCADE,
    run      TEXT NOT NULL REFERENCES runs(id),
    PRIMARY KEY (baseline, run)
  ) STRICT, WITHOUT ROWID;

  -- Runs that were made to confirm a change point of a metric. The change points themselves are worked out anew whenever they are read.
  CREATE TABLE reruns (
    run    TEXT NOT NULL REFERENCES runs(id),
    metric TEXT NOT NULL,
    PRIMARY KEY (run, metric)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- The name by which other fleets know this one, in the bundles it exports.
  CREATE TABLE fleet (id TEXT NOT NULL) STRICT;
  INSERT INTO fleet VALUES ('fleet-' || lower(hex(randomblob(6))));

  -- Where rows come from that were not measured by this fleet: another one, or a file of another program. A device of such an origin has the
  -- id name@origin, so that whatever groups by device never puts imported rows beside measured ones.
  CREATE TABLE origins (
    id       TEXT PRIMARY KEY,
    format   TEXT NOT NULL,
    title    TEXT,
    sha256   TEXT,                   -- of another program's file
    file     TEXT NOT NULL,          -- what it was imported from last, without its folder
    imported REAL NOT NULL
  ) STRICT;
  ALTER TABLE devices ADD COLUMN origin TEXT REFERENCES origins(id);   -- null: measured here
  ALTER TABLE devices ADD COLUMN name TEXT;                            -- its id at home
  CREATE INDEX devices_origin ON devices(origin) WHERE origin IS NOT NULL;
  `,
  `
  -- What lists and charts show of runs that are over, worked out from their samples when they end (rollup.ts), so that nobody reads ten
  -- million samples to draw a bar. All of it can be made anew from the tables above.
  CREATE TABLE settings (
    id      INTEGER PRIMARY KEY,
    device  TEXT NOT NULL REFERENCES devices(id),
    build   INTEGER NOT NULL REFERENCES builds(id),
    model   TEXT NOT NULL,
    suite   TEXT NOT NULL,
    threads INTEGER NOT NULL,
    valid   INTEGER NOT NULL,        -- 1: its runs are all valid, 0: all not, -1: nothing real was timed
    newest  REAL NOT NULL DEFAULT 0, -- when its last run began
    UNIQUE (device, build, model, suite, threads, valid)
  ) STRICT;
  CREATE INDEX settings_newest ON settings(newest);

  -- A metric of a run over all its prompts.
  CREATE TABLE figures (
    setting INTEGER NOT NULL REFERENCES settings(id),
    run     TEXT NOT NULL REFERENCES runs(id),
    metric  TEXT NOT NULL,
    median  REAL NOT NULL,
    p95     REAL,
    low     REAL NOT NULL,
    high    REAL NOT NULL,
    n       INTEGER NOT NULL,
    source  TEXT,
    scope   TEXT,
    PRIMARY KEY (setting, run, metric)
  ) STRICT, WITHOUT ROWID;

  -- A metric of a setting over all its runs.
  CREATE TABLE standings (
    setting INTEGER NOT NULL REFERENCES settings(id),
    metric  TEXT NOT NULL,
    value   REAL NOT NULL,
    low     REAL NOT NULL,
    high    REAL NOT NULL,
    runs    INTEGER NOT NULL,
    n       INTEGER NOT NULL,
    scope   TEXT,
    run     TEXT NOT NULL,           -- the newest
    PRIMARY KEY (setting, metric)
  ) STRICT, WITHOUT ROWID;

  CREATE INDEX standings_metric ON standings(metric);

  ALTER TABLE runs ADD COLUMN setting INTEGER REFERENCES settings(id);
  ALTER TABLE runs ADD COLUMN rolled INTEGER NOT NULL DEFAULT -1;   -- the revision that the figures are of
  CREATE INDEX runs_unrolled ON runs(id) WHERE status NOT IN ('queued', 'running') AND rolled <> revision;
  CREATE INDEX runs_setting ON runs(setting, started);
  -- Filters of a list, without reading every run.
  CREATE INDEX runs_build ON runs(build, started);
  CREATE INDEX runs_model ON runs(model, started);
  CREATE INDEX runs_suite ON runs(suite, started);
  CREATE INDEX runs_status ON runs(status, started);
  `,
  `
  -- A list of settings, newest first, narrowed by anything, out of the index alone.
  DROP INDEX settings_newest;
  CREATE INDEX settings_listed ON settings(newest, valid, device, build, model, suite, threads);
  `,
  `
  -- A baseline of another fleet is called name@origin here, as its devices are.
  ALTER TABLE baselines ADD COLUMN origin TEXT REFERENCES origins(id);   -- null: made here
  ALTER TABLE baselines ADD COLUMN title TEXT;                           -- its name at home
  `,
  `
  ALTER TABLE builds ADD COLUMN commit_id TEXT;   -- of its sources, with a + where they were changed since; null where unknown
  `,
];
