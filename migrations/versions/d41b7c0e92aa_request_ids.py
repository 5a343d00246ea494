# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Webhook calls know their request; tasks can be counted by plugin and state.

Revision ID: d41b7c0e92aa
Revises: d7b2e4f09a13
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "d41b7c0e92aa"
down_revision = "d7b2e4f09a13"
branch_labels = None
depends_on = None

REQUEST_ID = sa.String(64).with_variant(
    mysql.VARCHAR(64, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
)
INDEX = "ix_ProcessingTask_task_name_state"


def upgrade():
    with op.batch_alter_table("WebhookDelivery") as batch:
        batch.add_column(sa.Column("request_id", REQUEST_ID, nullable=True))
    op.create_index(INDEX, "ProcessingTask", ["task_name", "state"])


def downgrade():
    op.drop_index(INDEX, "ProcessingTask")
    with op.batch_alter_table("WebhookDelivery") as batch:
        batch.drop_column("request_id")
