-- The InventoryService's database: two aggregates, and other names and types for everything.
CREATE TABLE IF NOT EXISTS public.inventory_items (
    sku         text PRIMARY KEY,
    title       text NOT NULL,
    category    text NOT NULL,
    state       char(8) NOT NULL,
    remarks     text NOT NULL DEFAULT '',
    changed_at  timestamptz(3) NOT NULL
);
ALTER TABLE public.inventory_items ALTER COLUMN remarks SET STORAGE EXTERNAL;

CREATE TABLE IF NOT EXISTS public.stock_levels (
    sku      text PRIMARY KEY,
    on_hand  bigint NOT NULL CHECK (on_hand >= 0),
    held     bigint NOT NULL DEFAULT 0 CHECK (held >= 0 AND held <= on_hand),
    price    numeric(12, 4) NOT NULL
);

-- The layout that Debezium's EventRouter expects.
CREATE TABLE IF NOT EXISTS public.outbox (
    id             uuid PRIMARY KEY,
    aggregatetype  text NOT NULL,
    aggregateid    text NOT NULL,
    type           text NOT NULL,
    payload        jsonb NOT NULL
);
-- What the router is told to send along as headers: the request's trace and when it came, and the
-- transaction, which is all that ties an event to the rows that were written with it.
ALTER TABLE public.outbox
    ADD COLUMN IF NOT EXISTS traceparent text,
    ADD COLUMN IF NOT EXISTS requested_at timestamptz,
    ADD COLUMN IF NOT EXISTS tx_id bigint NOT NULL
        DEFAULT (pg_current_xact_id()::text::bigint & 4294967295);

-- The replicator's own memory and controls; none of it is captured.
-- Remarks of items whose key changed, until the row under the new key has arrived.
CREATE TABLE IF NOT EXISTS public.replicator_moves (
    sku       text NOT NULL,
    lsn       bigint NOT NULL,
    remarks   text NOT NULL,
    moved_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sku, lsn)
);
-- Faults: the next change of these items is to be lost.
CREATE TABLE IF NOT EXISTS public.replicator_skips (
    item_id  bigint PRIMARY KEY
);
-- Faults: the replicator stands still until then.
CREATE TABLE IF NOT EXISTS public.replicator_stall (
    id     integer PRIMARY KEY CHECK (id = 1),
    until  timestamptz NOT NULL
);

-- The order saga (`figwatch.demo.orders`): what each of its three participants keeps.
CREATE TABLE IF NOT EXISTS public.placed_orders (
    number     bigserial PRIMARY KEY,
    reference  text NOT NULL UNIQUE,
    sku        text NOT NULL,
    quantity   integer NOT NULL CHECK (quantity > 0),
    amount     numeric(10, 2) NOT NULL,
    state      text NOT NULL DEFAULT 'placed'
);
CREATE TABLE IF NOT EXISTS public.reservations (
    reference  text PRIMARY KEY,
    sku        text NOT NULL,
    quantity   integer NOT NULL,
    state      text NOT NULL
);
CREATE TABLE IF NOT EXISTS public.payments (
    reference  text PRIMARY KEY,
    amount     numeric(10, 2) NOT NULL,
    state      text NOT NULL
);
-- The orchestrator's memory, in the layout of Debezium's saga example; captured.
CREATE TABLE IF NOT EXISTS public.sagastate (
    id           text PRIMARY KEY,
    type         text NOT NULL,
    payload      jsonb NOT NULL,
    currentstep  text,
    stepstatus   jsonb NOT NULL DEFAULT '{}',
    sagastatus   text NOT NULL
);
-- Faults: what is to go wrong with an order.
CREATE TABLE IF NOT EXISTS public.order_faults (
    reference  text PRIMARY KEY,
    fault      text NOT NULL
);
