"""Tables of the truth, as migrations: each runs once, in its order, in the transaction that notes it.

Times are milliseconds since 1970; columns that end in `_json` hold JSON text; `generation` grows with each change.
`blocks` and `keys` are laid out by `blocks.py` and `keys.py`.
"""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

    CREATE TABLE datasets (
        id TEXT PRIMARY KEY, project TEXT NOT NULL, name TEXT NOT NULL, body_json TEXT NOT NULL,
        archived INTEGER NOT NULL, next_revision INTEGER NOT NULL, generation INTEGER NOT NULL,
        created_by TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_by TEXT NOT NULL, updated_ms INTEGER NOT NULL,
        UNIQUE (project, name)
    ) STRICT;

    CREATE TABLE versions (
        id TEXT PRIMARY KEY, dataset TEXT NOT NULL REFERENCES datasets (id), name TEXT NOT NULL,
        published INTEGER NOT NULL, parents_json TEXT NOT NULL, body_json TEXT NOT NULL,
        base TEXT REFERENCES versions (id), added BLOB NOT NULL, removed BLOB NOT NULL,
        frames INTEGER NOT NULL, annotated INTEGER NOT NULL, digest TEXT NOT NULL, published_ms INTEGER NOT NULL,
        number INTEGER NOT NULL, generation INTEGER NOT NULL,
        created_by TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_by TEXT NOT NULL, updated_ms INTEGER NOT NULL,
        UNIQUE (dataset, name)
    ) STRICT;
    CREATE INDEX versions_by_base ON versions (base);

    CREATE TABLE leaves (
        version TEXT NOT NULL REFERENCES versions (id), site TEXT NOT NULL, count INTEGER NOT NULL,
        state BLOB NOT NULL, PRIMARY KEY (version, site)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE blocks (
        dataset TEXT NOT NULL REFERENCES datasets (id), first INTEGER NOT NULL, count INTEGER NOT NULL,
        saved_ms INTEGER NOT NULL, saved_in TEXT NOT NULL, saved_by TEXT NOT NULL,
        heads BLOB NOT NULL, digests BLOB NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (dataset, first)
    ) STRICT;
    CREATE TABLE keys (
        dataset TEXT NOT NULL REFERENCES datasets (id), first INTEGER NOT NULL, count INTEGER NOT NULL,
        mark INTEGER NOT NULL, hashes BLOB NOT NULL, revisions BLOB NOT NULL, PRIMARY KEY (dataset, first)
    ) STRICT;
    CREATE TABLE attachments (
        dataset TEXT NOT NULL REFERENCES datasets (id), revision INTEGER NOT NULL, blob BLOB,
        previews_json TEXT NOT NULL, PRIMARY KEY (dataset, revision)
    ) STRICT;

    CREATE TABLE requests (
        principal TEXT NOT NULL, target TEXT NOT NULL, request_id TEXT NOT NULL, content BLOB NOT NULL,
        response BLOB NOT NULL, time_ms INTEGER NOT NULL, PRIMARY KEY (principal, target, request_id)
    ) STRICT;
    CREATE INDEX requests_by_time ON requests (time_ms);

    CREATE TABLE views (
        id TEXT PRIMARY KEY, project TEXT NOT NULL, name TEXT NOT NULL UNIQUE, published INTEGER NOT NULL,
        spec_json TEXT NOT NULL, pinned_json TEXT NOT NULL, digest TEXT NOT NULL, body_json TEXT NOT NULL,
        archived INTEGER NOT NULL, published_ms INTEGER NOT NULL, generation INTEGER NOT NULL,
        created_by TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_by TEXT NOT NULL, updated_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE view_versions (
        view TEXT NOT NULL REFERENCES views (id), version TEXT NOT NULL REFERENCES versions (id),
        PRIMARY KEY (view, version)
    ) STRICT;
    CREATE TABLE selections (
        view TEXT NOT NULL REFERENCES views (id), site TEXT NOT NULL, rule INTEGER NOT NULL,
        dataset INTEGER NOT NULL, revisions BLOB NOT NULL, PRIMARY KEY (view, site, rule, dataset)
    ) STRICT;
    CREATE TABLE view_sites (
        view TEXT NOT NULL REFERENCES views (id), site TEXT NOT NULL, count INTEGER NOT NULL, digest TEXT NOT NULL,
        PRIMARY KEY (view, site)
    ) STRICT;

    CREATE TABLE records (
        sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, digest TEXT NOT NULL,
        payload BLOB NOT NULL, signature BLOB NOT NULL, UNIQUE (kind, subject)
    ) STRICT;

    CREATE TABLE sites (
        name TEXT PRIMARY KEY, description TEXT NOT NULL, state TEXT NOT NULL, projects_json TEXT NOT NULL,
        token_hash TEXT NOT NULL, token_expires_ms INTEGER NOT NULL, credential_hash TEXT NOT NULL,
        fingerprint TEXT NOT NULL, public_key BLOB NOT NULL, node_version TEXT NOT NULL,
        frame_count INTEGER NOT NULL, seen_ms INTEGER NOT NULL,
        created_by TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_by TEXT NOT NULL, updated_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE reports (
        site TEXT NOT NULL REFERENCES sites (name), session_id TEXT NOT NULL, payload BLOB NOT NULL,
        signature BLOB NOT NULL, received_ms INTEGER NOT NULL, PRIMARY KEY (site, session_id)
    ) STRICT;

    CREATE TABLE users (
        name TEXT PRIMARY KEY, roles_json TEXT NOT NULL,
        created_by TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_by TEXT NOT NULL, updated_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE tokens (
        hash TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users (name), expires_ms INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE experiments (
        id TEXT PRIMARY KEY, project TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
        parameters_json TEXT NOT NULL, environment_json TEXT NOT NULL, body_json TEXT NOT NULL,
        cloned_from TEXT NOT NULL, archived INTEGER NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,
        generation INTEGER NOT NULL,
        created_by TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_by TEXT NOT NULL, updated_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE experiment_views (
        experiment TEXT NOT NULL REFERENCES experiments (id), name TEXT NOT NULL,
        view TEXT NOT NULL REFERENCES views (id), replacement INTEGER NOT NULL, PRIMARY KEY (experiment, name)
    ) STRICT;
    CREATE TABLE metrics (
        experiment TEXT NOT NULL REFERENCES experiments (id), name TEXT NOT NULL, step INTEGER NOT NULL,
        value REAL NOT NULL, time_ms INTEGER NOT NULL, PRIMARY KEY (experiment, name, step)
    ) STRICT;
    """,
    """
    CREATE TABLE check_gates (
        dataset TEXT PRIMARY KEY REFERENCES datasets (id), checks TEXT NOT NULL,
        set_by TEXT NOT NULL, set_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE check_reports (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version TEXT NOT NULL REFERENCES versions (id),
        digest TEXT NOT NULL, checks TEXT NOT NULL, results_json TEXT NOT NULL, passed INTEGER NOT NULL,
        gate INTEGER NOT NULL, forced INTEGER NOT NULL, ran_by TEXT NOT NULL, ran_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX check_reports_by_version ON check_reports (version, number);
    """,
    """
    CREATE TABLE vector_fields (
        id INTEGER PRIMARY KEY AUTOINCREMENT, dataset TEXT NOT NULL REFERENCES datasets (id), name TEXT NOT NULL,
        dimensions INTEGER NOT NULL, metric TEXT NOT NULL, erased INTEGER NOT NULL,
        created_by TEXT NOT NULL, created_ms INTEGER NOT NULL, UNIQUE (dataset, name)
    ) STRICT;
    CREATE TABLE vectors (
        number INTEGER PRIMARY KEY AUTOINCREMENT, field INTEGER NOT NULL REFERENCES vector_fields (id),
        revision INTEGER NOT NULL, value BLOB NOT NULL, UNIQUE (field, revision)
    ) STRICT;
    CREATE INDEX vectors_by_field ON vectors (field);
    """,
    """
    CREATE TABLE withdrawals (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, dataset TEXT NOT NULL, frame_ids_json TEXT NOT NULL,
        why TEXT NOT NULL, withdrawn_by TEXT NOT NULL, withdrawn_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE withdrawn (dataset TEXT PRIMARY KEY, revisions BLOB NOT NULL) STRICT;
    CREATE TABLE view_orders (
        view TEXT PRIMARY KEY REFERENCES views (id), tables BLOB NOT NULL
    ) STRICT;
    """,
    """
    ALTER TABLE experiment_views ADD COLUMN unpinned TEXT NOT NULL DEFAULT '';
    ALTER TABLE experiment_views ADD COLUMN frames INTEGER NOT NULL DEFAULT 0;
    """,
    """
    CREATE TABLE uploads (
        uri TEXT NOT NULL, dataset TEXT NOT NULL REFERENCES datasets (id), size_bytes INTEGER NOT NULL,
        digest TEXT NOT NULL, done INTEGER NOT NULL, found INTEGER NOT NULL, uploaded_by TEXT NOT NULL,
        uploaded_ms INTEGER NOT NULL, PRIMARY KEY (uri, dataset)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX uploads_by_dataset ON uploads (dataset);
    """,
    """
    CREATE TABLE origins (
        kind TEXT NOT NULL, subject TEXT NOT NULL, key BLOB NOT NULL, payload BLOB NOT NULL, signature BLOB NOT NULL,
        PRIMARY KEY (kind, subject)
    ) STRICT;
    """,
    """
    ALTER TABLE blocks ADD COLUMN digits BLOB;
    ALTER TABLE blocks ADD COLUMN seal BLOB;
    """,
    """
    ALTER TABLE keys ADD COLUMN packed INTEGER NOT NULL DEFAULT 0;
    """,
    """
    UPDATE versions SET number = (
        SELECT COUNT(*) FROM versions AS earlier
        WHERE earlier.dataset = versions.dataset AND earlier.rowid < versions.rowid
    ) WHERE dataset IN (SELECT dataset FROM versions GROUP BY dataset, number HAVING COUNT(*) > 1);
    ALTER TABLE datasets ADD COLUMN next_version INTEGER NOT NULL DEFAULT 0;
    UPDATE datasets SET next_version = COALESCE(
        (SELECT MAX(number) + 1 FROM versions WHERE versions.dataset = datasets.id), 0
    );
    """,
    """
    ALTER TABLE experiments ADD COLUMN beat_ms INTEGER NOT NULL DEFAULT 0;
    """,
    """
    CREATE TABLE experiment_sites (
        experiment TEXT NOT NULL REFERENCES experiments (id), site TEXT NOT NULL REFERENCES sites (name),
        PRIMARY KEY (experiment, site)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO experiment_sites
    SELECT DISTINCT experiments.id, told.site FROM (
        SELECT site, CASE WHEN json_valid(CAST(payload AS TEXT)) THEN CAST(payload AS TEXT) ELSE '{}' END AS content
        FROM reports
    ) AS told JOIN experiments ON experiments.id = json_extract(told.content, '$.experiment')
    WHERE json_extract(told.content, '$.frames') > 0;
    """,
    # answers that held tokens
    """
    DELETE FROM requests WHERE target IN ('CreateTokenRequest', 'CreateSiteRequest');
    """,
)
