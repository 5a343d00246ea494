# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The key of a data blob is called ``key``.

Revision ID: b889171b490f
Revises: a09e03db46a1
"""

import sqlalchemy as sa
from alembic import op

revision = "b889171b490f"
down_revision = "a09e03db46a1"
branch_labels = None
depends_on = None


def upgrade():
    rename("id", "key")


def downgrade():
    rename("key", "id")


def rename(old, new):
    with op.batch_alter_table("DataBlob") as batch:
        batch.alter_column(
            old,
            new_column_name=new,
            existing_type=sa.String(500),
            existing_nullable=False,
        )
