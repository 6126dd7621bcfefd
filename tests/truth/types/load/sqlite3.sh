#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The load of sqlite3: a table with rows, and a schema of many tables, views and triggers.
cat <<END
create table t(id integer primary key, a text, b blob);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000)
	insert into t select i, 'row ' || i, randomblob(i % 700) from n;
create index ta on t(a);
END
i=0
while [ $i -lt 200 ]; do
	cat <<-END
		create table table$i(id integer primary key, name text not null default 'x$i',
			amount real check (amount >= 0), ref integer references t(id), unique(name, ref));
		create index index$i on table$i(amount, name desc);
		create view view$i as select a.name, sum(a.amount) as total from table$i a
			join t on t.id = a.ref where a.amount > $i group by a.name order by total;
		create trigger trigger$i after insert on table$i begin
			update t set a = new.name where id = new.ref;
			insert into table$i select null, 'y', 1.0, 2 where 0;
		end;
	END
	i=$((i + 1))
done
cat <<END
select count(*) from view7;
select 'ready ' || count(*) from t where a like '%7%';
END
exec sleep 600
