-- The kinds of the steps of an execution, a bit each, and the models that they name where those are others than the
-- ones that answered: without them, the filters of the list had to look at every step.
ALTER TABLE execution ADD COLUMN kinds INTEGER NOT NULL DEFAULT 0;

ALTER TABLE execution ADD COLUMN step_models TEXT;

-- Whatever a filter may ask stands beside the order of the list, so that executions which it leaves out are passed
-- over without a look at their rows.
DROP INDEX execution_by_time;

CREATE INDEX execution_by_time ON execution
    (project, listed_at DESC, trace_id DESC, steps, status, duration_ns, kinds, agent, models, step_models);

-- Sessions and users have few executions each, and are what people come back to.
CREATE INDEX execution_by_session ON execution (project, session_id, listed_at DESC, trace_id DESC)
    WHERE session_id IS NOT NULL;

CREATE INDEX execution_by_user ON execution (project, user_id, listed_at DESC, trace_id DESC)
    WHERE user_id IS NOT NULL;

-- The new columns are filled by computing everything once more.
INSERT INTO stale (project, trace_id, since) SELECT project, trace_id, version FROM execution WHERE steps > 0
    ON CONFLICT DO NOTHING;
