# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Virtual plugins and plugin state; task data becomes a JSON column.

Revision ID: a09e03db46a1
Revises: ae51830d0cb5
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "a09e03db46a1"
down_revision = "ae51830d0cb5"
branch_labels = None
depends_on = None

UTF8 = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}
# InnoDB limits a key to 3072 bytes.
PLUGIN_ID = sa.String(550).with_variant(
    mysql.VARCHAR(550, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
)
BLOB = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")


def upgrade():
    columns = sa.inspect(op.get_bind()).get_columns("ProcessingTask")
    if "data" not in {column["name"] for column in columns}:
        op.add_column("ProcessingTask", sa.Column("data", sa.JSON(), nullable=True))
    op.create_table(
        "VirtualPlugin",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.String(550), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("version", sa.String(50), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("href", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_VirtualPlugin")),
        **UTF8,
    )
    op.create_table(
        "PluginState",
        sa.Column("plugin_id", PLUGIN_ID, nullable=False),
        sa.Column("key", sa.String(500), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("plugin_id", "key", name=op.f("pk_PluginState")),
        **UTF8,
    )
    op.create_table(
        "DataBlob",
        sa.Column("plugin_id", PLUGIN_ID, nullable=False),
        sa.Column("id", sa.String(500), nullable=False),
        sa.Column("value", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("plugin_id", "id", name=op.f("pk_DataBlob")),
        **UTF8,
    )
    op.drop_table("TaskData")


def downgrade():
    op.create_table(
        "TaskData",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(500), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["id"], ["ProcessingTask.id"], name=op.f("fk_TaskData_id_ProcessingTask")
        ),
        sa.PrimaryKeyConstraint("id", "key", name=op.f("pk_TaskData")),
        **UTF8,
    )
    for table in ("DataBlob", "PluginState", "VirtualPlugin"):
        op.drop_table(table)
    with op.batch_alter_table("ProcessingTask") as batch:
        batch.drop_column("data")
