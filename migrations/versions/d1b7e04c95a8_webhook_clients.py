# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""For whom webhooks are called: clients from outside reach no private network.

Existing subscriptions count as those of local clients.

Revision ID: d1b7e04c95a8
Revises: c3f0d5a1e7b2
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "d1b7e04c95a8"
down_revision = "c3f0d5a1e7b2"
branch_labels = None
depends_on = None

TABLES = ("TaskUpdateSubscription", "WebhookDelivery")
CLIENT = sa.String(300).with_variant(
    mysql.VARCHAR(300, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
)


def upgrade():
    for table in TABLES:
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("client", CLIENT, nullable=True))


def downgrade():
    for table in TABLES:
        with op.batch_alter_table(table) as batch:
            batch.drop_column("client")
