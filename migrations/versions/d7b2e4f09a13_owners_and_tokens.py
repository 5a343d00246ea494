# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Owners of tasks and subscriptions; the tokens that were given out.

Revision ID: d7b2e4f09a13
Revises: d1b7e04c95a8
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "d7b2e4f09a13"
down_revision = "d1b7e04c95a8"
branch_labels = None
depends_on = None

BINARY = {"charset": "utf8mb4", "collation": "utf8mb4_bin"}
MYSQL = ("mysql", "mariadb")
UTF8 = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}


def text(length):
    return sa.String(length).with_variant(mysql.VARCHAR(length, **BINARY), *MYSQL)


TIME = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), *MYSQL)

# table -> the column that names somebody
NAMES = {
    "ProcessingTask": "owner",
    "TaskUpdateSubscription": "subscriber",
    "WebhookDelivery": "subscriber",
}


def upgrade():
    for table, column in NAMES.items():
        op.add_column(table, sa.Column(column, text(255), nullable=True))
    op.create_index("ix_ProcessingTask_owner_id", "ProcessingTask", ["owner", "id"])
    op.create_table(
        "AccessToken",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("jti", text(64), nullable=False),
        sa.Column("subject", text(255), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("description", text(500), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_AccessToken")),
        sa.UniqueConstraint("jti", name=op.f("uq_AccessToken_jti")),
        **UTF8,
    )
    for column in ("subject", "revoked_at"):
        op.create_index(op.f(f"ix_AccessToken_{column}"), "AccessToken", [column])


def downgrade():
    op.drop_table("AccessToken")
    op.drop_index("ix_ProcessingTask_owner_id", "ProcessingTask")
    for table, column in NAMES.items():
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column)
