-- The monolith's database. Numbers are what a long-lived system has: a bigint key that now and
-- then changes, money with two decimals, statuses of one letter, NULL for "no notes".
CREATE TABLE IF NOT EXISTS public.inventory (
    item_id     bigint PRIMARY KEY,
    name        text NOT NULL,
    quantity    integer NOT NULL CHECK (quantity >= 0),
    reserved    integer NOT NULL DEFAULT 0 CHECK (reserved >= 0 AND reserved <= quantity),
    unit_price  numeric(10, 2) NOT NULL,
    category    smallint NOT NULL,
    status      text NOT NULL DEFAULT 'A' CHECK (status IN ('A', 'D')),
    notes       text,
    updated_at  timestamptz NOT NULL DEFAULT now()
);
-- Notes are kept out of line and uncompressed: an update that leaves them alone does not carry
-- them in the log, and Debezium writes its "unavailable" placeholder instead.
ALTER TABLE public.inventory ALTER COLUMN notes SET STORAGE EXTERNAL;

CREATE TABLE IF NOT EXISTS public.orders (
    order_id    bigserial PRIMARY KEY,
    customer    text NOT NULL,
    status      text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'shipped', 'cancelled')),
    placed_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS public.order_lines (
    order_id    bigint NOT NULL REFERENCES public.orders,
    line_no     integer NOT NULL,
    item_id     bigint REFERENCES public.inventory ON UPDATE CASCADE ON DELETE SET NULL,
    quantity    integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, line_no)
);
CREATE INDEX IF NOT EXISTS order_lines_item ON public.order_lines (item_id);

CREATE TABLE IF NOT EXISTS public.adjustments (
    adjustment_id bigserial PRIMARY KEY,
    item_id       bigint NOT NULL,
    delta         integer NOT NULL,
    reason        text NOT NULL,
    adjusted_at   timestamptz NOT NULL DEFAULT now()
);
