import chartbridge.store.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("store", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="MirrorPhoto",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=40)),
                ("patient_key", models.CharField(max_length=40)),
                ("version", models.CharField(blank=True, max_length=64)),
                ("ref", models.CharField(blank=True, max_length=500)),
                ("content_hash", models.BinaryField(max_length=8)),
                ("generation", models.IntegerField(default=0)),
                ("gone_at", models.DateTimeField(null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, to="store.connection"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="mirrorpatient",
            name="home_digits",
            field=models.CharField(blank=True, default="", max_length=20),
        ),
        migrations.AddField(
            model_name="mirrorpatient",
            name="mobile_digits",
            field=models.CharField(blank=True, default="", max_length=20),
        ),
        migrations.AddField(
            model_name="mirrorpatient",
            name="work_digits",
            field=models.CharField(blank=True, default="", max_length=20),
        ),
        migrations.AddField(
            model_name="streamstate",
            name="pass_bad",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="streamstate",
            name="pass_from",
            field=chartbridge.store.fields.LocalDateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="streamstate",
            name="pass_state",
            field=models.CharField(blank=True, default="", max_length=8),
        ),
        migrations.AddField(
            model_name="streamstate",
            name="pass_until",
            field=chartbridge.store.fields.LocalDateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="streamstate",
            name="sweep_agreed",
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name="mirrorappointment",
            name="connection",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, to="store.connection"
            ),
        ),
        migrations.AlterField(
            model_name="mirrorbadrow",
            name="connection",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, to="store.connection"
            ),
        ),
        migrations.AlterField(
            model_name="mirrordocument",
            name="connection",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, to="store.connection"
            ),
        ),
        migrations.AlterField(
            model_name="mirrorpatient",
            name="connection",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, to="store.connection"
            ),
        ),
        migrations.AlterField(
            model_name="statussighting",
            name="connection",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, to="store.connection"
            ),
        ),
        migrations.RemoveIndex(
            model_name="mirrorpatient",
            name="mirror_patient_by_name",
        ),
        migrations.AddIndex(
            model_name="mirrorpatient",
            index=models.Index(fields=["connection", "search"], name="mirror_patient_by_search"),
        ),
        migrations.AddIndex(
            model_name="mirrorpatient",
            index=models.Index(fields=["connection", "mobile_digits"], name="mirror_patient_by_mobile"),
        ),
        migrations.AddIndex(
            model_name="mirrorpatient",
            index=models.Index(fields=["connection", "home_digits"], name="mirror_patient_by_home"),
        ),
        migrations.AddIndex(
            model_name="mirrorpatient",
            index=models.Index(fields=["connection", "work_digits"], name="mirror_patient_by_work"),
        ),
        migrations.AddIndex(
            model_name="mirrorphoto",
            index=models.Index(fields=["connection", "patient_key"], name="mirror_photo_by_patient"),
        ),
        migrations.AddConstraint(
            model_name="mirrorphoto",
            constraint=models.UniqueConstraint(fields=("connection", "key"), name="one_mirror_photo"),
        ),
    ]
